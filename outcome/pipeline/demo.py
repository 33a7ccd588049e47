"""`outcome demo`: two synthetic hospitals; a model is trained at A, frozen, and validated at B."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcome.bundle import read_bundle
from outcome.config import Study, load_study
from outcome.errors import UsageError
from outcome.executor import Workers
from outcome.pipeline.run import STAGE_RUNNERS, overview_tables, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import Progress, StageResult, no_progress
from outcome.pipeline.synth import write_synthetic_study
from outcome.pipeline.validate import apply_bundle
from outcome.store import STAGES, StudyStore

LEAST_PATIENTS = 60


def run_demo(out: Path, patients: int, seed: int, workers: Workers, progress: Progress = no_progress) -> dict[str, Any]:
    """Write both studies, run the chain on A, validate on B; returns the overview and where everything lies.

    A repeat goes on where the last one ended. Raises UsageError for too few patients to train anything.
    """
    if patients < LEAST_PATIENTS:
        raise UsageError(
            f"{patients} patients are too few to train a model", expected=f"at least {LEAST_PATIENTS}",
            next_step="raise --patients",
        )  # fmt: skip
    studies = {site: _study(out, patients, seed, site, progress) for site in ("A", "B")}
    store = out / "store"
    bundle = StudyStore(store, studies["A"].name).bundle
    results = _run(studies["A"], store, list(STAGES), workers, progress)
    validating = apply_bundle(bundle, studies["B"], store)
    results += _run(validating, store, [s for s in STAGES if s != "train"], workers, progress, bundle)
    bundle_id = read_bundle(bundle).id
    places = [StudyStore(store, study.name).stage("evaluate", bundle_id) for study in studies.values()]
    return {
        "status": "ok",
        "exit_code": max(result.exit_code for result in results),
        "store": str(store),
        "bundle": str(bundle),
        "report": str(StudyStore(store, studies["B"].name).stage("report", bundle_id) / "report.html"),
        "tables": [table for place in places for table in overview_tables(place / "metrics.json")],
    }


def _study(out: Path, patients: int, seed: int, site: str, progress: Progress) -> Study:
    folder = out / f"site_{site.lower()}_{patients}_{seed}"
    path = folder / "study.yaml"
    if not path.exists():
        write_synthetic_study(folder, patients, seed, site, progress)
    return load_study(path)


def _run(
    study: Study, store: Path, stages: list[str], workers: Workers, progress: Progress, bundle: Path | None = None
) -> list[StageResult]:
    def named(stage: str, done: int, total: int) -> None:
        progress(f"{study.name}: {stage}", done, total)

    with open_run(study, store, command="demo", workers=workers, progress=named) as run:
        return run_stages(run, [STAGE_RUNNERS[stage] for stage in stages], bundle)
