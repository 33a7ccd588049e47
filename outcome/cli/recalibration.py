"""The command that updates a frozen bundle on another study's cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from outcome.cli.options import (
    AsJson,
    BundleFolder,
    Device,
    Overrides,
    PartitionName,
    Quiet,
    Scheduler,
    StudyFile,
    TrustedKeys,
    WorkerCount,
)  # fmt: skip
from outcome.cli.screen import Screen
from outcome.config import load_study
from outcome.errors import EXIT_OK
from outcome.executor import Workers
from outcome.pipeline.device import checked_device
from outcome.pipeline.session import open_run
from outcome.pipeline.updating.recalibrate import Recalibrated, recalibrate, refuse_impossible
from outcome.pipeline.updating.unit_update import UpdatePlan
from outcome.pipeline.validate import apply_bundle
from outcome.report.update_card import unit_words
from outcome.serving.sound import admit

OutBundle = Annotated[Path, typer.Option("--out", metavar="BUNDLE2", help="the folder of the new bundle")]
WorkingStore = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="where the cases' artefacts are kept (that of `outcome validate` with this bundle can be used again); "
        "without it they are made in a temporary folder",
    ),
]
Alpha = Annotated[float, typer.Option("--alpha", metavar="A", help="the level of the closed test")]
HoldOut = Annotated[
    float | None,
    typer.Option(
        "--hold-out",
        metavar="SHARE",
        help="judge the update on this share of the patients, kept out of it; without it by a bootstrap",
    ),
]
PlanSeed = Annotated[int, typer.Option("--seed", metavar="S", help="draws held-out patients and bootstrap samples")]


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("recalibrate")(recalibrate_command)


def recalibrate_command(
    bundle: BundleFolder, study: StudyFile, out: OutBundle, partition: PartitionName = None,
    store: WorkingStore = None, alpha: Alpha = 0.05, hold_out: HoldOut = None, seed: PlanSeed = 0,
    overrides: Overrides = None, workers: WorkerCount = 1, scheduler: Scheduler = None, device: Device = "auto",
    trusted: TrustedKeys = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """Update a frozen bundle on another study's cases, as little as they ask for; written as a new bundle.

    Example: outcome recalibrate store/kits23/bundle hospital.yaml --out bundle_hospital --hold-out 0.3
    """
    screen, plan = Screen(as_json=json, quiet=quiet), UpdatePlan(alpha, hold_out, seed)
    refuse_impossible(bundle, out, plan)
    admit(bundle, trusted or ())
    with TemporaryDirectory(prefix="outcome-") as temporary, screen.progress() as progress:
        place = Path(temporary) if store is None else store
        applied = apply_bundle(bundle, load_study(study, overrides or ()), place, partition)
        hands, where = Workers(workers, scheduler), checked_device(device)
        with open_run(applied, place, command="recalibrate", workers=hands, progress=progress, device=where) as run:
            made = recalibrate(run, bundle, out, plan)
    code = max((stage.exit_code for stage in made.stages), default=EXIT_OK)
    failed = {stage.stage: dict(stage.failed) for stage in made.stages if stage.failed}
    status = "ok" if code == EXIT_OK else "some failed"
    document = {"status": status, "exit_code": code, "failed": failed, **made.document}
    screen.result(document, lambda s: _show(s, made, failed))
    return code


def _show(screen: Screen, made: Recalibrated, failed: Mapping[str, Mapping[str, str]]) -> None:
    document: Mapping[str, Any] = made.document
    for name, facts in document["units"].items():
        screen.line(f"{name}: {unit_words(facts)}")
    for stage, cases in failed.items():
        for case, reason in cases.items():
            screen.line(f"failed in {stage}: {case}: {reason}")
    screen.line(f"bundle {document['bundle_id']} (parent {document['parent_id']}): {document['bundle']}")
