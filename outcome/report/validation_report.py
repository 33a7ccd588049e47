"""What was predicted, for whom, how well, and what that cannot show: one self-contained HTML page.

Nothing is loaded from anywhere: style and figures stand in the page. The same artefacts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from outcome.report.artefacts import Artefacts
from outcome.report.checklists import checklists_html
from outcome.report.contents import Contents, Section
from outcome.report.page_sections import page_sections
from outcome.report.pieces import FULL, Detail
from outcome.report.wording import BANNER

Json = Mapping[str, Any]
MAX_BYTES = 5_000_000
_LESSER = (
    Detail(rows=100),
    Detail(rows=40, all_figures=False),
    Detail(rows=15, all_figures=False),
    Detail(rows=8, any_figures=False),
    Detail(rows=3, any_figures=False),
)


def render_report(
    metrics: Json, *, flow: Sequence[Json], findings: Sequence[Json], model_facts: Json, study: Json
) -> str:
    """The report as one HTML document, of at most `MAX_BYTES`.

    `metrics`: `metrics.json`; `flow`, `findings`, `study`: the cohort stage's `flow.json`, `findings.json` and
    `study.json` (docs/store.md), the last with `model_card` where there is one. `model_facts`: what is known of the
    model, every key optional: `bundle_id`, `ladder` (`train/ladder.json`), `hashes` {name: sha256}, `versions`
    {library: version}, `bundle` and `bundle_study` (see `outcome.report.checklists.ReportFacts`); any other name with
    a plain value is printed as it stands. A page that would be too large shows fewer rows and figures, and says how
    many it left out.
    """
    given = Artefacts(metrics, flow, findings, model_facts, study)
    sections = page_sections(given)
    page = _page(given, Contents.of(sections, FULL))
    for detail in _LESSER:
        if len(page.encode()) <= MAX_BYTES:
            break
        page = _page(given, Contents.of(sections, detail))
    return page


def report_contents(
    metrics: Json, *, flow: Sequence[Json], findings: Sequence[Json], model_facts: Json, study: Json
) -> Contents:
    """What the page of `render_report` holds, for whoever must know whether something is reported."""
    return Contents.of(page_sections(Artefacts(metrics, flow, findings, model_facts, study)))


def _page(given: Artefacts, contents: Contents) -> str:
    metrics, study = given.metrics, given.study
    contents = _with_checklists(given, contents)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            banner=BANNER,
            title=str(metrics.get("title") or study.get("title") or metrics.get("study") or "Study"),
            study=str(metrics.get("study") or study.get("name") or ""),
            procedure=str(study.get("procedure") or ""),
            notes=[str(note) for note in study.get("notes") or ()],
            sections=contents.sections,
            first_of_topic=contents.first_of_topic,
        )
    )


def _with_checklists(given: Artefacts, contents: Contents) -> Contents:
    """The contents with the checklists before the model card, for they point to everything else."""
    body = checklists_html(given.facts(contents.has))
    checklists = Section("Reporting checklists", "checklists", body=body)
    sections = list(contents.sections)
    later = [place for place, section in enumerate(sections) if section.anchor in ("model-card", "findings")]
    sections.insert(min(later, default=len(sections)), checklists)
    return replace(contents, sections=tuple(sections))


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("outcome.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
