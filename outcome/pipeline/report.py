"""Stage `report`: metrics.json and what stands round it as one self-contained page, and the same page as PDF."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from outcome.bundle import Bundle, read_bundle
from outcome.bundle.libraries import FACT
from outcome.config import name_orders
from outcome.errors import Refusal
from outcome.formats import METRICS, require_version
from outcome.pipeline.bundle_summary import bundle_summary
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.report.artefacts import Artefacts
from outcome.report.chai import chai_xml
from outcome.report.checklists import ReportFacts
from outcome.report.hazards import hazard_json, hazard_markdown
from outcome.report.model_card import card_markdown
from outcome.report.pdf import pdf_engine, write_pdf
from outcome.report.validation_report import render_report
from outcome.store import read_json, write_bytes, write_text

STAGE = "report"
PAGE, PRINT = "report.html", "report.pdf"
_NAMED = ("config.json", "dictionary.csv", "recipe.json", "columns.json", "reference.json")


def _hashes(bundle: Bundle) -> dict[str, str]:
    """The sha256 of the files that say what the bundle is."""
    return {name: hashlib.sha256(bundle.files[name]).hexdigest() for name in _NAMED}


def run_report(run: Run) -> StageResult:
    """Write report.html and report.pdf for the study's bundle; where no PDF can be made the page says all the same."""
    bundle = read_bundle(run.store.bundle)
    evaluated = f"evaluate/{bundle.id}"
    inputs = {f"stage:{name}": upstream(run.store, *name.split("/")) for name in ("cohort", evaluated)}
    facts = {
        "bundle_id": bundle.id,
        **{name: value for name, value in bundle.facts.items() if name != FACT},
        "versions": dict(bundle.facts.get(FACT, {})),
        "ladder": bundle.json("ladder.json"),
        "hashes": _hashes(bundle),
        "bundle_study": bundle.json("config.json"),
        "bundle": bundle_summary(bundle),
    }

    def produce(folder: Path) -> Made:
        metrics = read_json(run.store.stage("evaluate", bundle.id) / "metrics.json")
        require_version(metrics, METRICS, "metrics.json", "outcome evaluate STUDY.yaml")
        study = {**run.study.resolved(), "model_card": bundle.files["MODEL_CARD.md"].decode()}
        flow, findings = metrics["flow"], metrics["findings"]
        page = render_report(metrics, flow=flow, findings=findings, model_facts=facts, study=study)
        write_text(folder / PAGE, page)
        _write_companions(folder, Artefacts(metrics, flow, findings, facts, study).facts())
        return Made({"bytes": len(page.encode()), **_print(run, folder, page)})

    study = {"study": run.study.resolved(), "study_order": name_orders(run.study)}
    config = {"bundle": bundle.id, **study, "pdf_engine": pdf_engine()}
    return perform(run, Work(STAGE, config, inputs, part=bundle.id), produce)


def _write_companions(folder: Path, facts: ReportFacts) -> None:
    """Write what other readers want beside the page: model card (Markdown and XML) and hazard log."""
    write_text(folder / "model_card.md", card_markdown(facts))
    write_text(folder / "hazard_log.md", hazard_markdown(facts))
    write_text(folder / "hazard_log.json", hazard_json(facts))
    write_bytes(folder / "model_card.xml", chai_xml(facts))


def _print(run: Run, folder: Path, page: str) -> dict[str, Any]:
    """Write the PDF; a machine that cannot make one is told why and keeps the page."""
    run.progress("report: PDF", 0, 1)
    try:
        document = write_pdf(page)
    except Refusal as refusal:
        return {"pdf": f"not written: {refusal.message}"}
    write_bytes(folder / PRINT, document)
    run.progress("report: PDF", 1, 1)
    return {"pdf_bytes": len(document)}
