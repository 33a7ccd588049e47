"""The model card for readers: its Markdown (headings, lists, bold, code) as HTML, everything else escaped."""

from __future__ import annotations

import re
from itertools import groupby

from markupsafe import Markup, escape

_HEADING = re.compile(r"#+\s+")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`(.+?)`")
_ITEM = "- "


def card_html(text: str) -> Markup:
    """The card's body. Its first-level heading is left out, for the page has one of its own."""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("# ")]
    blocks = [_block(kind, list(members)) for kind, members in groupby(lines, key=_kind)]
    return Markup("\n").join(block for block in blocks if block)


def _kind(line: str) -> str:
    if not line:
        return "gap"
    if _HEADING.match(line):
        return "heading"
    return "list" if line.startswith(_ITEM) else "text"


def _block(kind: str, lines: list[str]) -> Markup:
    if kind == "list":
        items = Markup("").join(Markup("<li>{}</li>").format(_inline(line.removeprefix(_ITEM))) for line in lines)
        return Markup("<ul>{}</ul>").format(items)
    if kind == "heading":
        return Markup("\n").join(Markup("<h3>{}</h3>").format(_HEADING.sub("", line, count=1)) for line in lines)
    return Markup("<p>{}</p>").format(_inline(" ".join(lines))) if kind == "text" else Markup("")


def _inline(text: str) -> Markup:
    bold = _BOLD.sub(r"<strong>\1</strong>", str(escape(text)))
    return Markup(_CODE.sub(r"<code>\1</code>", bold))
