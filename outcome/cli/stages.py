"""The commands that work on a study's cases: every stage alone, all of them, and a frozen bundle on another study."""

from __future__ import annotations

from collections.abc import Callable

import typer

from outcome.cli.options import (
    DEFAULT_STORE,
    AsJson,
    BundleFolder,
    CaseTimeout,
    Device,
    HarmoniseWith,
    Outlines,
    OutStore,
    Overrides,
    PartitionName,
    Processes,
    ProtocolFile,
    Quiet,
    Scheduler,
    Seed,
    StoreFolder,
    StudyFile,
    TrustedKeys,
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
from outcome.cli.work import Frozen, protocol_for, spread, work
from outcome.config import load_study
from outcome.pipeline.validate import apply_bundle
from outcome.serving.sound import admit
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
            train_command if stage == "train" else _stage_command(stage)
        )
        if stage == "train":
            app.command("evaluate")(evaluate_command)
    app.command("run")(run_command)
    app.command("predict")(predict_command)
    app.command("validate")(validate_command)


def _stage_command(stage: str) -> Callable[..., int]:
    def command(
        study: StudyFile, store: StoreFolder = DEFAULT_STORE, overrides: Overrides = None, workers: WorkerCount = 1,
        scheduler: Scheduler = None, case_timeout: CaseTimeout = None, device: Device = "auto", seed: Seed = None,
        json: AsJson = False, quiet: Quiet = False,
    ) -> int:  # fmt: skip
        loaded = load_study(study, [*(overrides or ()), *_seed(seed)])
        how = spread(workers, scheduler, device, seconds=case_timeout)
        return work(loaded, store, [stage], how, Screen(as_json=json, quiet=quiet))

    return command


def train_command(
    study: StudyFile, store: StoreFolder = DEFAULT_STORE, overrides: Overrides = None, workers: WorkerCount = 1,
    scheduler: Scheduler = None, device: Device = "auto", processes: Processes = 1, seed: Seed = None,
    json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """The stage `train`, whose network several processes may train together."""
    loaded = load_study(study, [*(overrides or ()), *_seed(seed)])
    how = spread(workers, scheduler, device, processes)
    return work(loaded, store, ["train"], how, Screen(as_json=json, quiet=quiet))


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
    return work(loaded, store, ["evaluate"], spread(workers, scheduler, device), screen)


def run_command(
    study: StudyFile, store: StoreFolder = DEFAULT_STORE, overrides: Overrides = None, workers: WorkerCount = 1,
    scheduler: Scheduler = None, case_timeout: CaseTimeout = None, device: Device = "auto", processes: Processes = 1,
    seed: Seed = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """All stages, from table and masks to the report. What is finished and unchanged is not done again.

    Example: outcome run configs/kits23.yaml --store store --workers 2
    """
    loaded = load_study(study, [*(overrides or ()), *_seed(seed)])
    how = spread(workers, scheduler, device, processes, case_timeout)
    return work(loaded, store, STAGES, how, Screen(as_json=json, quiet=quiet))


def validate_command(
    bundle: BundleFolder, study: StudyFile, out: OutStore, partition: PartitionName = None, overrides: Overrides = None,
    workers: WorkerCount = 1, scheduler: Scheduler = None, case_timeout: CaseTimeout = None, device: Device = "auto",
    protocol: ProtocolFile = None, harmonise_with: HarmoniseWith = 0, outlines: Outlines = 0,
    trusted: TrustedKeys = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """External validation: the frozen bundle on another study's cases; every setting from the bundle, nothing fitted.

    Example: outcome validate store/kits23/bundle configs/kits23.yaml --partition later_batch --out validation
    """
    admit(bundle, trusted or ())
    loaded = apply_bundle(bundle, load_study(study, overrides or ()), out, partition)
    screen = Screen(as_json=json, quiet=quiet)
    fixed = None if protocol is None else protocol_for(protocol, bundle, loaded, screen)
    stages = [stage for stage in STAGES if stage != "train"]
    frozen = Frozen(bundle, fixed, harmonise_with, outlines)
    return work(loaded, out, stages, spread(workers, scheduler, device, seconds=case_timeout), screen, frozen)


def predict_command(
    bundle: BundleFolder, study: StudyFile, out: OutStore, partition: PartitionName = None, overrides: Overrides = None,
    workers: WorkerCount = 1, scheduler: Scheduler = None, case_timeout: CaseTimeout = None, device: Device = "auto",
    harmonise_with: HarmoniseWith = 0, outlines: Outlines = 0, trusted: TrustedKeys = None,
    json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """The frozen bundle on any study: predictions.parquet, details.parquet; outcomes need not be known.

    With --outlines also outlines.parquet: how far each risk moves when the regions are outlined differently.

    Example: outcome predict store/kits23/bundle hospital.yaml --out predictions
    """
    admit(bundle, trusted or ())
    loaded = apply_bundle(bundle, load_study(study, overrides or ()), out, partition, outcomes_needed=False)
    stages = ["cohort", "segment", "radiomics", "features", "predict"]
    screen = Screen(as_json=json, quiet=quiet)
    frozen = Frozen(bundle, None, harmonise_with, outlines)
    return work(loaded, out, stages, spread(workers, scheduler, device, seconds=case_timeout), screen, frozen)


def _seed(seed: int | None) -> list[str]:
    return [] if seed is None else [f"training.seed={seed}"]
