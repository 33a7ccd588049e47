"""Stage `report`: metrics.json and what stands round it as one self-contained page."""

from __future__ import annotations

import hashlib
from pathlib import Path

from outcome.bundle import Bundle, read_bundle
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.report.validation_report import render_report
from outcome.store import read_json, write_text

STAGE = "report"


_NAMED = ("config.json", "dictionary.csv", "recipe.json", "columns.json", "reference.json")


def _hashes(bundle: Bundle) -> dict[str, str]:
    """The sha256 of the files that say what the bundle is."""
    return {name: hashlib.sha256(bundle.files[name]).hexdigest() for name in _NAMED}


def run_report(run: Run) -> StageResult:
    """Write report.html for the study's bundle."""
    bundle = read_bundle(run.store.bundle)
    evaluated = f"evaluate/{bundle.id}"
    inputs = {f"stage:{name}": upstream(run.store, *name.split("/")) for name in ("cohort", evaluated)}
    facts = {"bundle_id": bundle.id, **bundle.facts, "ladder": bundle.json("ladder.json"), "hashes": _hashes(bundle)}

    def produce(folder: Path) -> Made:
        metrics = read_json(run.store.stage("evaluate", bundle.id) / "metrics.json")
        study = {**run.study.resolved(), "model_card": bundle.files["MODEL_CARD.md"].decode()}
        flow, findings = metrics["flow"], metrics["findings"]
        page = render_report(metrics, flow=flow, findings=findings, model_facts=facts, study=study)
        write_text(folder / "report.html", page)
        return Made({"bytes": len(page.encode())})

    work = Work(STAGE, {"bundle": bundle.id, "study": run.study.resolved()}, inputs, part=bundle.id)
    return perform(run, work, produce)
