"""The report as a PDF for archives and reviewers: A4, everything unfolded, the banner on every page.

The same page gives the same bytes: no dates and no random identifiers are written.
"""

from __future__ import annotations

from importlib import metadata

from outcome.errors import Refusal

ENGINE = "weasyprint"


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
    document = weasyprint.HTML(string=unfolded(html), url_fetcher=nothing_from_elsewhere)
    return bytes(document.write_pdf(pdf_identifier=b"outcome-report"))


def unfolded(html: str) -> str:
    """The page with every folded part open."""
    return html.replace("<details open", "<details").replace("<details", "<details open")
