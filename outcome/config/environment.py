"""`${VAR}` in the two places where a study may depend on the machine: its root and a database's URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from outcome.errors import ConfigRefusal

_VARIABLE = re.compile(r"\$\{(\w+)\}")
ALLOWED_PLACES = ("root", "table.url")


def expand(text: str, place: str) -> str:
    """The text with every `${VAR}` replaced from the environment. Raises ConfigRefusal where one is not set."""
    unset = [name for name in _VARIABLE.findall(text) if not os.environ.get(name)]
    if unset:
        raise ConfigRefusal(
            f"{place} needs environment variables that are not set",
            found=", ".join(f"${{{name}}}" for name in unset),
            next_step=f"export {unset[0]}=… and repeat the command",
        )
    return _VARIABLE.sub(lambda match: os.environ[match.group(1)], text)


def refuse_elsewhere(document: Any) -> None:
    """Refuse a `${VAR}` in any other place: it would stay there as text and never be found."""
    found = [place for place, text in texts(document) if _VARIABLE.search(text) and place not in ALLOWED_PLACES]
    if found:
        raise ConfigRefusal(
            "environment variables are expanded in two places only",
            expected=" and ".join(ALLOWED_PLACES),
            found=", ".join(found),
            next_step="write the value itself there",
        )


def texts(document: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a nested document with its dotted place."""
    if isinstance(document, str):
        yield place, document
    elif isinstance(document, dict):
        for key, value in document.items():
            yield from texts(value, f"{place}.{key}" if place else str(key))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from texts(value, f"{place}[{number}]")
