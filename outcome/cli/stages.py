"""The commands that work on a study's cases: every stage alone, all of them, and a frozen bundle on another study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from outcome.bundle import read_bundle
from outcome.cli.options import (
    DEFAULT_STORE,
    AsJson,
    BundleFolder,
    Device,
    HarmoniseWith,
    Outlines,
    OutStore,
    Overrides,
    PartitionName,
    ProtocolFile,
    Quiet,
    Scheduler,
    Seed,
    StoreFolder,
    StudyFile,
    WorkerCount,
)  # fmt: skip
from outcome.cli.screen import Screen
from outcome.cli.table_evaluation import (
    Compared,
    Draws,
    Grouped,
    Horizon,
    PredictionsFile,
    Relation,
    ReportFolder,
    StudyOrTable,
    TableKind,
    Thresholds,
    asked_of_table,
    asked_report,
    named_study,
    show_table_evaluation,
)
from outcome.config import Study, load_study
from outcome.errors import EXIT_OK
from outcome.executor import Workers
from outcome.pipeline.device import checked_device
from outcome.pipeline.harmonising import refuse_without_harmonising
from outcome.pipeline.outlines import refuse_more_than_kept
from outcome.pipeline.protocol import Protocol, adopt_protocol, deviations, read_protocol
from outcome.pipeline.run import STAGE_RUNNERS, overview, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import Run, StageResult
from outcome.pipeline.validate import adopt_bundle, apply_bundle
from outcome.store import STAGES

_HELP = {
    "cohort": "Read table and dictionary; code, check and select the cases.",
    "segment": "Check every case's mask and write it cropped beside its findings.",
    "radiomics": "Measure every region: shape and intensity.",
    "features": "Put every block side by side, one row a case; nothing fitted.",
    "train": "Train every endpoint inside nested cross-validation; write the bundle.",
    "report": "Write the self-contained report.html.",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the program."""
    for stage, text in _HELP.items():
        app.command(stage, help=f"{text}\n\nExample: outcome {stage} configs/kits23.yaml --store store")(
            _stage_command(stage)
        )
        if stage == "train":
            app.command("evaluate")(evaluate_command)
    app.command("run")(run_command)
    app.command("predict")(predict_command)
    app.command("validate")(validate_command)


def _stage_command(stage: str) -> Callable[..., int]:
    def command(
        study: StudyFile, store: StoreFolder = DEFAULT_STORE, overrides: Overrides = None, workers: WorkerCount = 1,
        scheduler: Scheduler = None, device: Device = "auto", seed: Seed = None, json: AsJson = False,
        quiet: Quiet = False,
    ) -> int:  # fmt: skip
        loaded = load_study(study, [*(overrides or ()), *_seed(seed)])
        return _work(loaded, store, [stage], _how(workers, scheduler, device), Screen(as_json=json, quiet=quiet))

    return command


def evaluate_command(
    study: StudyOrTable = None, store: StoreFolder = DEFAULT_STORE, overrides: Overrides = None,
    workers: WorkerCount = 1, scheduler: Scheduler = None, device: Device = "auto", seed: Seed = None,
    predictions: PredictionsFile = None, kind: TableKind = None, horizon: Horizon = None, compare: Compared = None,
    group: Grouped = None, threshold: Thresholds = None, bootstrap: Draws = None,
    out: ReportFolder = None, relation: Relation = None,
    json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """Measure the predictions of every partition of a study, or those of a table made elsewhere (--predictions).

    Example: outcome evaluate configs/kits23.yaml --store store

    Example: outcome evaluate --predictions risks.csv --kind survival --horizon 365 --out evaluation --relation external
    """
    screen = Screen(as_json=json, quiet=quiet)
    if predictions is not None:
        question = asked_of_table(study, kind, horizon, (compare, group, threshold), bootstrap)
        return show_table_evaluation(predictions, question, asked_report(predictions, out, relation), screen)
    named = named_study(study, (kind, horizon, compare, group, threshold, bootstrap, out, relation))
    loaded = load_study(named, [*(overrides or ()), *_seed(seed)])
    return _work(loaded, store, ["evaluate"], _how(workers, scheduler, device), screen)


def run_command(
    study: StudyFile, store: StoreFolder = DEFAULT_STORE, overrides: Overrides = None, workers: WorkerCount = 1,
    scheduler: Scheduler = None, device: Device = "auto", seed: Seed = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """All stages, from table and masks to the report. What is finished and unchanged is not done again.

    Example: outcome run configs/kits23.yaml --store store --workers 2
    """
    loaded = load_study(study, [*(overrides or ()), *_seed(seed)])
    return _work(loaded, store, STAGES, _how(workers, scheduler, device), Screen(as_json=json, quiet=quiet))


def validate_command(
    bundle: BundleFolder, study: StudyFile, out: OutStore, partition: PartitionName = None, overrides: Overrides = None,
    workers: WorkerCount = 1, scheduler: Scheduler = None, device: Device = "auto", protocol: ProtocolFile = None,
    harmonise_with: HarmoniseWith = 0, outlines: Outlines = 0, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """External validation: the frozen bundle on another study's cases; every setting from the bundle, nothing fitted.

    Example: outcome validate store/kits23/bundle configs/kits23.yaml --partition later_batch --out validation
    """
    loaded = apply_bundle(bundle, load_study(study, overrides or ()), out, partition)
    screen = Screen(as_json=json, quiet=quiet)
    fixed = None if protocol is None else _protocol(protocol, bundle, loaded, screen)
    stages = [stage for stage in STAGES if stage != "train"]
    frozen = _Frozen(bundle, fixed, harmonise_with, outlines)
    return _work(loaded, out, stages, _how(workers, scheduler, device), screen, frozen)


def predict_command(
    bundle: BundleFolder, study: StudyFile, out: OutStore, partition: PartitionName = None, overrides: Overrides = None,
    workers: WorkerCount = 1, scheduler: Scheduler = None, device: Device = "auto",
    harmonise_with: HarmoniseWith = 0, outlines: Outlines = 0, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """The frozen bundle on any study: predictions.parquet, details.parquet; outcomes need not be known.

    With --outlines also outlines.parquet: how far each risk moves when the regions are outlined differently.

    Example: outcome predict store/kits23/bundle hospital.yaml --out predictions
    """
    loaded = apply_bundle(bundle, load_study(study, overrides or ()), out, partition, outcomes_needed=False)
    stages = ["cohort", "segment", "radiomics", "features", "predict"]
    screen = Screen(as_json=json, quiet=quiet)
    frozen = _Frozen(bundle, None, harmonise_with, outlines)
    return _work(loaded, out, stages, _how(workers, scheduler, device), screen, frozen)


@dataclass(frozen=True)
class _How:
    """How work is spread, and where networks compute."""

    workers: Workers
    device: str


def _protocol(path: Path, bundle: Path, study: Study, screen: Screen) -> Protocol:
    """The protocol, compared with what is about to be done before any case is read."""
    fixed = read_protocol(path, bundle)
    for words in deviations(fixed, read_bundle(bundle), study):
        screen.note(f"deviation from the protocol: {words}")
    return fixed


@dataclass(frozen=True)
class _Frozen:
    """The bundle that is applied, the protocol that was fixed for it, with how many cases a new site enters, and how
    many other outlines stand behind the range of a risk."""

    bundle: Path
    protocol: Protocol | None = None
    entering: int = 0
    outlines: int = 0

    def adopt(self, run: Run) -> None:
        """Bundle and protocol into the store, before any case is read."""
        refuse_more_than_kept(run.study, self.outlines)
        refuse_without_harmonising(read_bundle(self.bundle), self.entering)
        adopt_bundle(run, self.bundle)
        if self.protocol is not None:
            adopt_protocol(run.store, self.protocol)


def _how(workers: int, scheduler: str | None, device: str) -> _How:
    return _How(Workers(workers, scheduler), checked_device(device))


def _work(
    study: Study, store: Path, stages: Sequence[str], how: _How, screen: Screen, frozen: _Frozen | None = None
) -> int:
    command = " ".join(stages)
    with (
        screen.progress() as progress,
        open_run(study, store, command=command, workers=how.workers, progress=progress, device=how.device) as run,
    ):
        if frozen is not None:
            frozen.adopt(run)
            run = replace(run, harmonise_with=frozen.entering, outlines=frozen.outlines)
        results = run_stages(run, [STAGE_RUNNERS[stage] for stage in stages])
        document = {
            "study": study.name,
            "store": str(store),
            "stages": [r.to_json() for r in results],
            **overview(run, stages),
        }
    code = max((result.exit_code for result in results), default=EXIT_OK)
    screen.result({"status": "ok" if code == EXIT_OK else "some failed", "exit_code": code, **document},
                  lambda s: _show(s, results, document))  # fmt: skip
    return code


def _show(screen: Screen, results: Sequence[StageResult], document: dict[str, Any]) -> None:
    rows = [(r.stage, r.status, _counts(r), f"{r.seconds:.1f} s") for r in results]
    screen.table(["stage", "status", "counts", "time"], rows, title=f"study {document['study']}")
    for result in results:
        for case, reason in result.failed.items():
            screen.line(f"failed in {result.stage}: {case}: {reason}")
        for unit, warnings in result.counts.get("warnings", {}).items():
            screen.line(f"warning in {result.stage}: {unit}: {' '.join(warnings)}")
    screen.overview(document.get("tables", ()))
    for name in ("bundle", "predictions", "report"):
        if document.get(name):
            screen.line(f"{name}: {document[name]}")
    if document.get("report"):
        screen.line(f"dashboard: outcome dashboard --store {document['store']}")


def _counts(result: StageResult) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.counts.items() if isinstance(value, (int, float, str)))


def _seed(seed: int | None) -> list[str]:
    return [] if seed is None else [f"training.seed={seed}"]
