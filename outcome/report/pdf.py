"""The report as a PDF for archives and reviewers: A4, without its longest tables, the banner on every page.

The same page gives the same bytes: no dates and no random identifiers are written.
"""

from __future__ import annotations

import re
from importlib import metadata

from outcome.errors import Refusal

ENGINE = "weasyprint"
_FOLD = re.compile(r"(<details[^>]*>|</details>)")
_LEFT_OUT = 'class="more"'


def pdf_engine() -> str:
    """Which program lays out the pages, with its version; "none" where it or the system library pango is missing."""
    try:
        import weasyprint  # noqa: F401  (needs a system library: only asked for where a PDF is made)
    except (ImportError, OSError):
        return "none"
    return f"{ENGINE} {metadata.version(ENGINE)}"


def write_pdf(html: str) -> bytes:
    """The page of `render_report` as PDF. Raises Refusal where the layout program cannot be loaded."""
    if pdf_engine() == "none":
        raise Refusal(
            "no PDF can be made on this machine",
            expected="the Python package weasyprint and the system library pango",
            next_step="install pango (Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0), "
            "or print report.html from a browser",
        )
    import weasyprint
    from weasyprint.urls import URLFetcher

    nothing_from_elsewhere = URLFetcher(allowed_protocols=())
    document = weasyprint.HTML(string=on_paper(html), url_fetcher=nothing_from_elsewhere)
    return bytes(document.write_pdf(pdf_identifier=b"outcome-report"))


def on_paper(html: str) -> str:
    """The page with its folded parts open, without those that are left to the page (class "more")."""
    kept: list[str] = []
    skipped = 0  # how deep inside a part that is left out
    for piece in _FOLD.split(html):
        if skipped or (piece.startswith("<details") and _LEFT_OUT in piece):
            skipped += piece.startswith("<details") - (piece == "</details>")
        else:
            kept.append("<details open" + piece.removeprefix("<details").replace(" open", "")
                        if piece.startswith("<details") else piece)  # fmt: skip
    return "".join(kept)
