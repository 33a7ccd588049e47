"""The command that keeps what a person said about a case's mask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcome.cli.options import AsJson
from outcome.cli.screen import Screen
from outcome.errors import EXIT_OK
from outcome.ledger import VERDICTS, Review
from outcome.pipeline.masks.review import record_review


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("review")(review_command)


def review_command(
    store: Annotated[Path, typer.Argument(metavar="STORE", show_default=False)],
    case: Annotated[str, typer.Argument(metavar="CASE", help="the case's id", show_default=False)],
    verdict: Annotated[str, typer.Option(metavar="|".join(VERDICTS), help="edit: usable once mended")],
    by: Annotated[str, typer.Option(metavar="NAME", help="who says so")],
    comment: Annotated[str, typer.Option(help="why; stays in the store")] = "",
    study: Annotated[str | None, typer.Option(metavar="NAME", help="where the store holds several studies")] = None,
    json: AsJson = False,
) -> int:
    """Keep a verdict on a case's mask. A rejected mask is not measured: repeat `outcome run` for what follows.

    Example: outcome review store case_0042 --verdict reject --by "A. Reader" --comment "wrong kidney"
    """
    if verdict not in VERDICTS:
        raise typer.BadParameter(f"verdict must be one of {', '.join(VERDICTS)}, found {verdict}")
    if not by.strip():
        raise typer.BadParameter("say who reviewed: --by NAME")
    kept = record_review(store, study, Review(case, "", verdict, by.strip(), comment.strip()))
    document = {"status": "ok", "exit_code": EXIT_OK, **kept}
    Screen(as_json=json).result(document, lambda screen: _show(screen, kept))
    return EXIT_OK


def _show(screen: Screen, kept: dict[str, str]) -> None:
    screen.line(f"{kept['study']}: {kept['verdict']} kept for case {kept['case_id']}")
    if kept["next_step"]:
        screen.line(f"next: {kept['next_step']}")
