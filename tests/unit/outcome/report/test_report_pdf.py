"""The PDF: the banner on every page, its parts open, the same bytes again, and a refusal where there is none."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from evidence_parts import PARTS, places

from outcome.errors import Refusal
from outcome.report.pdf import on_paper, pdf_engine, write_pdf
from outcome.report.validation_report import render_report
from outcome.report.wording import BANNER

A4_POINTS = (595, 842)
needs_pango = pytest.mark.skipif(pdf_engine() == "none", reason="the system library pango is not installed")


def page_of(metrics: dict[str, Any]) -> str:
    for level, place in places(metrics).items():
        place.update(PARTS[level])
    return render_report(metrics, flow=[], findings=[], model_facts={}, study={})


@needs_pango
def test_every_page_is_a4_and_carries_the_banner_and_the_last_table_is_there(metrics: Any) -> None:
    pypdf = pytest.importorskip("pypdf")
    pages = pypdf.PdfReader(io.BytesIO(write_pdf(page_of(metrics)))).pages
    texts = [page.extract_text() for page in pages]
    assert len(texts) > 2
    assert [number for number, text in enumerate(texts) if BANNER not in text] == []
    assert {tuple(round(float(side)) for side in page.mediabox[2:]) for page in pages} == {A4_POINTS}
    whole = " ".join(" ".join(texts).split())
    assert "metrics format" in whole


@needs_pango
def test_what_is_folded_on_the_page_stands_open_in_the_pdf(metrics: Any) -> None:
    pypdf = pytest.importorskip("pypdf")
    html = page_of(metrics)
    hidden = html[html.index("<summary>Tests and what was not offered") :]
    assert "<details><summary>Tests and what was not offered" in html
    assert "refit: too few" in hidden
    reader = pypdf.PdfReader(io.BytesIO(write_pdf(html)))
    assert "refit: too few" in " ".join(" ".join(page.extract_text() for page in reader.pages).split())


@needs_pango
def test_the_same_page_gives_the_same_bytes() -> None:
    html = render_report({}, flow=[], findings=[], model_facts={}, study={"title": "Émile <b>"})
    assert write_pdf(html) == write_pdf(html)


@needs_pango
def test_a_page_that_asks_for_something_elsewhere_gets_nothing(tmp_path: Any, caplog: Any) -> None:
    secret = tmp_path / "secret.svg"
    secret.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>SECRET</text></svg>')
    document = write_pdf(f'<html lang="en"><body><img src="file://{secret}" alt="nothing"></body></html>')
    pypdf = pytest.importorskip("pypdf")
    assert "SECRET" not in pypdf.PdfReader(io.BytesIO(document)).pages[0].extract_text()


def test_on_paper_parts_stand_open_and_the_longest_are_left_to_the_page() -> None:
    page = """<details><summary>a</summary></details><p>kept</p>
<details class="more"><p>long</p><details open><p>inside</p></details><p>longer</p></details>
<details open><p>b</p></details>"""
    paper = on_paper(page)
    assert paper.count("<details open>") == paper.count("</details>") == 2
    assert [word for word in ("kept", "long", "inside", "longer", ">b<") if word in paper] == ["kept", ">b<"]


def test_without_the_layout_program_the_refusal_says_what_to_install(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert pdf_engine() == "none"
    with pytest.raises(Refusal, match="pango"):
        write_pdf("<p>x</p>")
