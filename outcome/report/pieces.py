"""What a section of the page is built of: words, lists, tables, figures and folded parts, as safe HTML.

Every text is escaped here, once; only figures, and what a section hands over as Markup, pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_SHORT = 30  # letters: a shorter cell is kept on one line where it starts with a digit or a sign
_NUMERIC = tuple("0123456789+-\u2212\u2013<>")
_LEFT_OUT = "Left out here to keep the page small: {}. metrics.json holds everything."


@dataclass(frozen=True)
class Detail:
    """How much of its pieces a page shows: rows of each table, and whether figures that repeat a table are drawn."""

    rows: int
    all_figures: bool = True
    any_figures: bool = True


FULL = Detail(rows=400)


@dataclass(frozen=True)
class Words:
    """A paragraph; `lead` is set in bold before it."""

    text: str
    lead: str = ""
    muted: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with a header row; the first cell of a row names it. Rows in `marked` are set off."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Drawing:
    """A figure (SVG text made by this program) with its caption; `repeats` where a table holds the same numbers."""

    svg: str | None
    caption: str
    repeats: bool = True


@dataclass(frozen=True)
class Group:
    """Pieces under a small heading."""

    title: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Folded:
    """Pieces that a reader opens. On paper they stand open where `in_print`, else they are left to the page."""

    title: str
    pieces: tuple[Piece, ...]
    in_print: bool = False


Piece = Words | Items | Table | Drawing | Group | Folded | Markup
Pieces = tuple[Piece, ...]


def html(pieces: Iterable[Piece], detail: Detail = FULL) -> Markup:
    """The pieces one after another; one without content leaves nothing behind."""
    return Markup("\n").join(part for part in (_html(piece, detail) for piece in pieces) if part)


def _html(piece: Piece, detail: Detail) -> Markup:
    if isinstance(piece, Markup):
        return piece
    if isinstance(piece, Words):
        return _words(piece)
    if isinstance(piece, Items):
        return _list(piece, detail)
    if isinstance(piece, Table):
        return _table(piece, detail)
    if isinstance(piece, Drawing):
        return _drawing(piece, detail)
    return _nested(piece, detail)


def _nested(piece: Group | Folded, detail: Detail) -> Markup:
    body = html(piece.pieces, detail)
    if not body:
        return Markup("")
    if isinstance(piece, Group):
        return Markup("<h5>{}</h5>\n{}").format(piece.title, body)
    kind = Markup("") if piece.in_print else Markup(' class="more"')
    folded = Markup('<details{}><summary>{}</summary><div class="body">{}</div></details>')
    return folded.format(kind, piece.title, body)


def _words(piece: Words) -> Markup:
    if not piece.text:
        return Markup("")
    lead = Markup("<strong>{}</strong> ").format(piece.lead) if piece.lead else Markup("")
    kind = Markup(' class="muted"') if piece.muted else Markup("")
    return Markup("<p{}>{}{}</p>").format(kind, lead, piece.text)


def _list(piece: Items, detail: Detail) -> Markup:
    shown = piece.items[: detail.rows]
    items = Markup("").join(Markup("<li>{}</li>").format(item) for item in shown)
    return Markup("<ul>{}</ul>{}").format(items, _left_out(len(piece.items) - len(shown), "items")) if items else items


def _drawing(piece: Drawing, detail: Detail) -> Markup:
    if not piece.svg:
        return Markup("")
    if not (detail.all_figures or (detail.any_figures and not piece.repeats)):
        return _left_out(1, "figure")
    caption = Markup("<figcaption>{}</figcaption>").format(piece.caption)
    return Markup("<figure>{}{}</figure>").format(Markup(piece.svg), caption)


def _left_out(number: int, what: str) -> Markup:
    return _words(Words(_LEFT_OUT.format(f"{number} {what}"), muted=True)) if number > 0 else Markup("")


def _table(piece: Table, detail: Detail) -> Markup:
    if not piece.rows:
        return Markup("")
    shown = piece.rows[: detail.rows]
    rows = Markup("\n").join(_row(cells, marked=place in piece.marked) for place, cells in enumerate(shown))
    header = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in piece.header)
    caption = Markup("<caption>{}</caption>").format(piece.caption) if piece.caption else Markup("")
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}"><table>{}\n'
        "<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>{}"
    ).format(piece.caption or piece.header[0], caption, header, rows, _left_out(len(piece.rows) - len(shown), "rows"))


def _row(cells: Sequence[str], *, marked: bool) -> Markup:
    first, *others = cells
    kind = Markup(' class="chosen"') if marked else Markup("")
    rest = Markup("").join(Markup("<td{}>{}</td>").format(_kind(cell), cell) for cell in others)
    return Markup('<tr{}><th scope="row">{}</th>{}</tr>').format(kind, first, rest)


def _kind(cell: str) -> Markup:
    """Short numbers are kept on one line."""
    return Markup(' class="number"') if len(cell) < _SHORT and cell.startswith(_NUMERIC) else Markup("")
