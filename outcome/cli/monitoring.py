"""The command that watches new cases of a frozen bundle."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from outcome.bundle import read_bundle
from outcome.cli.options import (
    AsJson,
    BundleFolder,
    Device,
    OutStore,
    Overrides,
    PartitionName,
    Quiet,
    Scheduler,
    StudyFile,
    TrustedKeys,
    WorkerCount,
)  # fmt: skip
from outcome.cli.screen import Screen
from outcome.cli.work import spread
from outcome.config import load_study
from outcome.errors import EXIT_ALARM, EXIT_OK
from outcome.pipeline.monitor import BEFORE, monitor_plan, monitored_study, run_monitor
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.validate import apply_bundle
from outcome.serving.sound import admit
from outcome.store import read_json

By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="MONTHS|DATE",
        help="order the cases by the date of surgery and report every so many months, or by a date variable, monthly; "
        "without it by the date of surgery where there is one, else as they are named",
    ),
]
Rate = Annotated[
    float, typer.Option("--rate", metavar="R", help="the chance of any false alarm, over all checks and looks")
]
FailOnAlarm = Annotated[bool, typer.Option("--fail-on-alarm", help="end with 5 where any check alarms")]


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("monitor")(monitor_command)


def monitor_command(
    bundle: BundleFolder, study: StudyFile, out: OutStore, by: By = None, rate: Rate = 0.01,
    fail_on_alarm: FailOnAlarm = False, partition: PartitionName = None, overrides: Overrides = None,
    workers: WorkerCount = 1, scheduler: Scheduler = None, device: Device = "auto",
    trusted: TrustedKeys = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """Compare new cases with those a frozen bundle was made from, one by one and over time; alarms with a stated rate.

    Example: outcome monitor store/kits23/bundle hospital.yaml --out watch --by 3
    """
    admit(bundle, trusted or ())
    screen, loaded = Screen(as_json=json, quiet=quiet), load_study(study, overrides or ())
    plan = monitor_plan(loaded, by, rate)
    applied = monitored_study(bundle, apply_bundle(bundle, loaded, out, partition, outcomes_needed=False))
    how = spread(workers, scheduler, device)
    with (
        screen.progress() as progress,
        open_run(applied, out, command="monitor", workers=how.workers, progress=progress, device=how.device) as run,
    ):
        results = run_stages(run, [STAGE_RUNNERS[stage] for stage in BEFORE], bundle)
        results.append(run_monitor(run, plan))
        folder = run.store.stage("monitor", read_bundle(run.store.bundle).id)
        document = {**read_json(folder / "monitor.json"), "report": str(folder / "monitor.html")}
    code = max((result.exit_code for result in results), default=EXIT_OK)
    code = EXIT_ALARM if fail_on_alarm and document["alarms"] else code
    failed = {result.stage: dict(result.failed) for result in results if result.failed}
    status = "alarm" if document["alarms"] else "ok" if code == EXIT_OK else "some failed"
    screen.result(
        {**document, "status": status, "exit_code": code, "failed": failed}, lambda s: _show(s, document, failed)
    )
    return code


def _show(screen: Screen, document: dict[str, Any], failed: dict[str, dict[str, str]]) -> None:
    told = document["checks"]
    screen.line(f"{document['cases']} cases: {told['alarm']} alarm(s), {told['quiet']} checks quiet, "
                f"{told['not judged']} not judged; {document['cases_warned_of']} case(s) warned of")  # fmt: skip
    rows = [
        (
            alarm["what"],
            alarm["since_date"] or alarm["since_case"],
            f"{alarm['log10_evidence']:.1f}",
            alarm["next_step"],
        )
        for alarm in document["alarms"]
    ]
    if rows:
        screen.table(["alarm", "since about", "evidence, log10", "next step"], rows)
    for stage, cases in failed.items():
        for case, reason in cases.items():
            screen.line(f"failed in {stage}: {case}: {reason}")
    screen.line(document["guarantee"])
    screen.line(f"report: {document['report']}")
