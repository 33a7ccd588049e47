"""The commands round cases that failed too often: which are left alone, and letting them be tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcome.cli.options import AsJson
from outcome.cli.screen import Screen
from outcome.errors import EXIT_OK
from outcome.pipeline.status import quarantined_cases, release_cases, studies_of

_Store = Annotated[Path, typer.Argument(metavar="STORE", show_default=False)]
_Study = Annotated[str | None, typer.Option("--study", metavar="NAME", help="default: every study of the store")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the program."""
    group = typer.Typer(no_args_is_help=True, help="Cases that failed too often and are left alone.")
    group.command("list")(list_command)
    group.command("release")(release_command)
    app.add_typer(group, name="quarantine")


def list_command(store: _Store, study: _Study = None, json: AsJson = False) -> int:
    """The cases that a run leaves alone because they failed too often, with the reason and how often they were tried.

    Example: outcome quarantine list store
    """
    cases = [case for place in studies_of(store, study) for case in quarantined_cases(place)]
    document = {"status": "ok", "exit_code": EXIT_OK, "store": str(store), "cases": cases}
    Screen(as_json=json).result(document, lambda screen: _show(screen, cases, "no case is in quarantine"))
    return EXIT_OK


def release_command(
    store: _Store,
    cases: Annotated[
        list[str] | None, typer.Argument(metavar="[CASE]...", help="default: all", show_default=False)
    ] = None,
    study: _Study = None,
    json: AsJson = False,
) -> int:
    """Let cases be tried again: the next run does them, and only them, before what follows from them.

    Example: outcome quarantine release store case_0042
    """
    let_go = release_cases(store, study, cases or ())
    document = {"status": "ok", "exit_code": EXIT_OK, "store": str(store), "released": let_go}
    Screen(as_json=json).result(document, lambda screen: _show(screen, let_go, "no case was in quarantine"))
    return EXIT_OK


def _show(screen: Screen, cases: list[dict[str, str]], none: str) -> None:
    rows = [(case["study"], case["stage"], case["case_id"], case["tries"], case["reason"]) for case in cases]
    if rows:
        screen.table(["study", "stage", "case", "tries", "reason"], rows)
    else:
        screen.line(none)
