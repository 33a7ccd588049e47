"""What no header tells and no list of elements mends: a named reason for a person to look at an image."""

from __future__ import annotations

from dataclasses import dataclass

BURNED_IN, PRONE, TEXT_LIKE, HEAD, HEAD_LIKE = (
    "burned_in_annotation", "prone_to_burned_in_text", "text_like_corner", "head_by_header", "head_like",
)  # fmt: skip


@dataclass(frozen=True)
class Flag:
    """One reason. `code` is stable; `message` says what was found and names nobody."""

    code: str
    message: str
