"""`outcome demo`: three synthetic hospitals; masks and models are learned at A, frozen, and validated at B and C."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from outcome.bundle import read_bundle
from outcome.config import Study, load_study
from outcome.errors import UsageError
from outcome.executor import Workers
from outcome.pipeline.run import STAGE_RUNNERS, overview_tables, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import Progress, StageResult, no_progress
from outcome.pipeline.synth import DEVELOPS, write_synthetic_study
from outcome.pipeline.validate import apply_bundle
from outcome.report.side_by_side import SideBySide, side_by_side
from outcome.store import STAGES, StudyStore, read_json, write_text

LEAST_PATIENTS = 60
SITES = ("A", "B", "C")
ENDPOINT, INPUTS = "any_complication", "preoperative"
COMPARISON = "side_by_side.md"
# few folds and refits, and the network for one endpoint, so that the whole fits into minutes on a laptop
QUICK = (
    "training.outer_folds=3",
    "training.inner_folds=2",
    "training.bootstraps=30",
    "training.families=[ridge, elastic_net, boosting, fusion]",
    f"training.network.endpoints=[{ENDPOINT}]",
    "training.network.refits=3",
    "training.network.epochs=8",
    "image_blocks.size=[24, 24, 20]",
)


def run_demo(out: Path, patients: int, seed: int, workers: Workers, progress: Progress = no_progress) -> dict[str, Any]:
    """Write the studies, run the chain on A, validate at the others; returns the overview and where everything lies.

    A repeat goes on where the last one ended. Raises UsageError for too few patients to train anything.
    """
    if patients < LEAST_PATIENTS:
        raise UsageError(
            f"{patients} patients are too few to train a model", expected=f"at least {LEAST_PATIENTS}",
            next_step="raise --patients",
        )  # fmt: skip
    studies = {
        site: _study(_folder(out, site, patients, seed), patients, seed, site, workers, progress) for site in SITES
    }
    store = out / "store"
    bundle = StudyStore(store, studies[DEVELOPS].name).bundle
    results = _run(studies[DEVELOPS], store, list(STAGES), workers, progress)
    for site in SITES:
        if site != DEVELOPS:
            validating = apply_bundle(bundle, studies[site], store)
            results += _run(validating, store, [s for s in STAGES if s != "train"], workers, progress, bundle)
    return _overview(out, studies.values(), read_bundle(bundle).id, results)


def _folder(out: Path, site: str, patients: int, seed: int) -> Path:
    return out / f"site_{site.lower()}_{patients}_{seed}"


def _study(folder: Path, patients: int, seed: int, site: str, workers: Workers, progress: Progress) -> Study:
    path = folder / "study.yaml"
    if not path.exists():
        write_synthetic_study(folder, patients, seed, site, progress, learned=True, workers=workers)
    return load_study(path, QUICK if site == DEVELOPS else ())


def _run(
    study: Study, store: Path, stages: list[str], workers: Workers, progress: Progress, bundle: Path | None = None
) -> list[StageResult]:
    def named(stage: str, done: int, total: int) -> None:
        progress(f"{study.name}: {stage}", done, total)

    with open_run(study, store, command="demo", workers=workers, progress=named) as run:
        return run_stages(run, [STAGE_RUNNERS[stage] for stage in stages], bundle)


def _overview(out: Path, studies: Iterable[Study], bundle_id: str, results: list[StageResult]) -> dict[str, Any]:
    places = {study.name: StudyStore(out / "store", study.name) for study in studies}
    metrics = {name: place.stage("evaluate", bundle_id) / "metrics.json" for name, place in places.items()}
    truths = {study.name: read_json(study.root / "truth.json") for study in studies}
    compared = _compared(metrics, truths)
    write_text(out / COMPARISON, compared.markdown())
    reports = {name: str(place.stage("report", bundle_id) / "report.html") for name, place in places.items()}
    return {
        "status": "ok",
        "exit_code": max(result.exit_code for result in results),
        "store": str(out / "store"),
        "bundle": str(next(iter(places.values())).bundle),
        "reports": reports,
        "tables": [table for path in metrics.values() for table in overview_tables(path)],
        "side_by_side": compared.to_json(),
    }


def _compared(metrics: Mapping[str, Path], truths: Mapping[str, Any]) -> SideBySide:
    """Clinical only, shape, fusion and the best possible at every site, on the endpoint that all of them predict."""
    documents = {name: read_json(path) for name, path in metrics.items()}
    best = {name: truth["on_these_cases"]["best_possible"][ENDPOINT]["auroc"] for name, truth in truths.items()}
    return side_by_side(documents, best, endpoint=ENDPOINT, inputs=INPUTS, metric="auroc")
