"""The commands around the stages: demo, synthetic studies, checks, drafts, the dashboard, status, doctor."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from outcome.cli.options import (
    AsJson,
    OutFolder,
    Overrides,
    Quiet,
    StoreFolder,
    StudyFile,
    TrustedKeys,
    WorkerCount,
)
from outcome.cli.screen import Screen
from outcome.config import load_study
from outcome.errors import EXIT_OK, EXIT_REFUSED, DataRefusal
from outcome.executor import Workers
from outcome.pipeline.check import check_study
from outcome.pipeline.demo import run_demo
from outcome.pipeline.draft import write_draft
from outcome.pipeline.status import store_status
from outcome.pipeline.synth import write_synthetic_study
from outcome.serving.sound import admit
from outcome.types import Level


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the program."""
    app.command("demo")(demo_command)
    app.command("synth")(synth_command)
    app.command("check")(check_command)
    app.command("draft")(draft_command)
    app.command("dashboard")(dashboard_command)
    app.command("status")(status_command)
    app.command("doctor")(doctor_command)


def demo_command(
    out: OutFolder = Path("demo"),
    patients: Annotated[int, typer.Option(help="patients at each of the three hospitals")] = 200,
    seed: Annotated[int, typer.Option(help="the same seed gives the same demo")] = 7,
    workers: WorkerCount = 2,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Three synthetic hospitals through the whole chain: learn masks and models at A, validate at B and C.

    Example: outcome demo --out demo
    """
    screen = Screen(as_json=json, quiet=quiet)
    with screen.progress() as progress:
        document = run_demo(out, patients, seed, Workers(workers), progress)
    screen.result(document, lambda s: _show_demo(s, document))
    return int(document["exit_code"])


def _show_demo(screen: Screen, document: dict[str, Any]) -> None:
    screen.overview(document["tables"])
    compared = document["side_by_side"]
    screen.table(compared["header"], compared["rows"], title=compared["title"])
    screen.line(compared["caption"])
    for study, report in document["reports"].items():
        screen.line(f"report, {study}:  {report}")
    screen.line(f"open the dashboard:  outcome dashboard --store {document['store']}")


def synth_command(
    out: OutFolder,
    patients: Annotated[int, typer.Option(min=1, help="number of patients")] = 200,
    seed: Annotated[int, typer.Option(help="the same seed gives the same files")] = 7,
    site: Annotated[str, typer.Option(help="A develops; B and C validate")] = "A",
    variant: Annotated[str, typer.Option(help="full, or no_image_signal: the images say nothing of the risk")] = "full",
    learned_masks: Annotated[
        bool, typer.Option("--learned-masks", help="site A: masks are drawn by a network that learns from the given")
    ] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Write a synthetic study as a hospital would hand it over: table, dictionary, study file, images, masks.

    Example: outcome synth --out site_a --patients 200 --seed 7 --site A
    """
    screen = Screen(as_json=json, quiet=quiet)
    with screen.progress() as progress:
        study = write_synthetic_study(out, patients, seed, site, progress, variant=variant, learned=learned_masks)
    screen.result({"status": "ok", "study": str(study)}, lambda s: s.line(f"next: outcome run {study}"))
    return EXIT_OK


def check_command(
    study: StudyFile, overrides: Overrides = None, workers: WorkerCount = 1, json: AsJson = False, quiet: Quiet = False
) -> int:
    """Every problem of table, dictionary, images and masks at once, with case ids and counts; writes nothing.

    Example: outcome check configs/kits23.yaml
    """
    screen = Screen(as_json=json, quiet=quiet)
    with screen.progress() as progress:
        checked = check_study(load_study(study, overrides or ()), Workers(workers), progress)
    rejects = sum(finding.level is Level.REJECT for finding in checked.findings)
    code = EXIT_REFUSED if rejects else EXIT_OK
    document = {"status": "refused" if rejects else "ok", "exit_code": code, **checked.to_json()}
    screen.result(document, lambda s: _show_check(s, document))
    return code


def _show_check(screen: Screen, document: dict[str, Any]) -> None:
    screen.findings(document["findings"])
    screen.table(["step", "reason", "left", "taken out"],
                 [(f["step"], f["reason"], f["n_left"], f["n_excluded"]) for f in document["flow"]])  # fmt: skip
    counts = [(e["partition"], e["endpoint"], e["n"], "" if e["n_events"] is None else e["n_events"])
              for e in document["endpoints"]]  # fmt: skip
    screen.table(["partition", "endpoint", "known outcomes", "events"], counts)
    screen.line("refused: mend what is marked reject, then repeat" if document["exit_code"] else "no reason to refuse")


def draft_command(
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", show_default=False)],
    out: OutFolder = Path("."),
    json: AsJson = False,
) -> int:
    """A first dictionary and study file from one's own table; what it could not know is marked TODO.

    Example: outcome draft patients.csv --out my_study
    """
    document = write_draft(table, out)
    Screen(as_json=json).result(document, lambda s: s.line("\n".join(document["lines"])))
    return EXIT_OK


def dashboard_command(
    store: StoreFolder,
    port: Annotated[int, typer.Option(help="the port on this machine's loopback address")] = 8501,
    trusted: TrustedKeys = None,
) -> int:
    """Open a store in the browser; listens on the loopback address only.

    Example: outcome dashboard --store demo/store
    """
    if not store.is_dir():
        raise DataRefusal(
            f"there is no store at {store}", next_step="outcome run STUDY.yaml --store DIR, or outcome demo"
        )
    if trusted:
        for manifest in sorted(store.glob("*/bundle/manifest.json")):
            admit(manifest.parent, trusted)
    sys.stderr.write(f"opening http://127.0.0.1:{port} (this machine only; stop with Ctrl-C)\n")
    # The dashboard stands above this package and is a program of its own: it is started, never imported from here.
    os.execv(sys.executable, [sys.executable, "-m", "app", "--store", str(store.resolve()), "--port", str(port)])


def status_command(
    store: Annotated[Path, typer.Argument(metavar="STORE", show_default=False)], json: AsJson = False
) -> int:
    """Where a store stands: every stage, what is stale and the command to repeat, and the cases that failed.

    Example: outcome status store
    """
    document = {"status": "ok", **store_status(store)}
    Screen(as_json=json).result(document, lambda s: _show_status(s, document))
    return EXIT_OK


def _show_status(screen: Screen, document: dict[str, Any]) -> None:
    for study in document["studies"]:
        rows = [
            (
                f"{e['stage']} {e['part']}".strip(),
                e["state"],
                _numbers(e["counts"]),
                len(e["failed"]),
                e.get("next_step", ""),
            )
            for e in study["stages"]
        ]
        screen.table(["stage", "state", "counts", "failed", "next step"], rows, title=f"study {study['study']}")
        for entry in study["stages"]:
            _show_failed(screen, entry)
        if any(tried["quarantined"] for entry in study["stages"] for tried in entry["tries"].values()):
            screen.line(f"to try quarantined cases again: outcome quarantine release {document['store']}")


def _show_failed(screen: Screen, entry: dict[str, Any]) -> None:
    tries = entry["tries"]
    for case, reason in entry["failed"].items():
        said = f" ({tries[case]['words']})" if case in tries else ""
        screen.line(f"failed in {entry['stage']}: {case}{said}: {reason}")
    for case in sorted(set(tries) - set(entry["failed"])):
        screen.line(f"not done in {entry['stage']}: {case} ({tries[case]['words']})")


def _numbers(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items() if isinstance(value, (int, float)))


def doctor_command(json: AsJson = False) -> int:
    """What this installation has: versions, processors, and whether a GPU could be used.

    Example: outcome doctor
    """
    names = ("surgical-outcome", "numpy", "pandas", "scikit-learn", "lightgbm", "lifelines", "streamlit", "torch")
    machine = {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()}
    found = {**machine, **{name: _version(name) for name in names}}
    Screen(as_json=json).result({"status": "ok", **found}, lambda s: s.table(["what", "found"], found.items()))
    return EXIT_OK


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
