"""Stage `report`: metrics.json and what stands round it as one self-contained page."""

from __future__ import annotations

from pathlib import Path

from outcome.bundle import read_bundle
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.report.validation_report import render_report
from outcome.store import read_json, write_text

STAGE = "report"


def run_report(run: Run) -> StageResult:
    """Write report.html for the study's bundle."""
    bundle = read_bundle(run.store.bundle)
    evaluated = f"evaluate/{bundle.id}"
    inputs = {f"stage:{evaluated}": upstream(run.store, "evaluate", bundle.id), "stage:cohort": upstream(run.store, "cohort")}
    facts = {"bundle_id": bundle.id, **bundle.facts}

    def produce(folder: Path) -> Made:
        metrics = read_json(run.store.stage("evaluate", bundle.id) / "metrics.json")
        study = {**run.study.resolved(), "model_card": bundle.files["MODEL_CARD.md"].decode()}
        page = render_report(metrics, flow=metrics["flow"], findings=metrics["findings"], model_facts=facts, study=study)
        write_text(folder / "report.html", page)
        return Made({"bytes": len(page.encode())})

    return perform(run, Work(STAGE, {"bundle": bundle.id, "study": run.study.resolved()}, inputs, part=bundle.id), produce)
