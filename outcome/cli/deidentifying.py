"""The command that makes a copy of a study which may leave the hospital."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcome.cli.options import AsJson, Overrides, Quiet, StudyFile, WorkerCount
from outcome.cli.screen import Screen
from outcome.config import load_study
from outcome.deidentification.key import read_key
from outcome.deidentification.rules import Flagged, Rules
from outcome.executor import Workers

if TYPE_CHECKING:
    from outcome.pipeline.deidentify import Deidentified

OutCopy = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="a new folder, apart from the study's")]
KeyFile = Annotated[
    Path, typer.Option("--key-file", metavar="FILE", help="64 or more hexadecimal digits, mode 0600; yours to keep")
]
KeepText = Annotated[
    list[str] | None,
    typer.Option("--keep-text", metavar="NAME", help="this text variable leaves, without cells that name their patient "
                 "(repeatable); other texts are dropped"),
]  # fmt: skip
TopAge = Annotated[
    list[str] | None,
    typer.Option("--top-age", metavar="NAME", help="in this variable 90 stands for all ages above 89 (repeatable)"),
]
KeepSites = Annotated[bool, typer.Option("--keep-sites", help="sites keep their names; without it they get pseudonyms")]
ShiftDays = Annotated[
    int, typer.Option("--shift-days", metavar="N", help="a patient's dates move 1 to N days to the past, all alike")
]
OnFlags = Annotated[
    Flagged,
    typer.Option("--flagged", help="images that may show text or a face: refuse all, leave-out them, or allow them"),
]


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("deidentify")(deidentify_command)


def deidentify_command(
    study: StudyFile, out: OutCopy, key_file: KeyFile, keep_text: KeepText = None, top_age: TopAge = None,
    keep_sites: KeepSites = False, shift_days: ShiftDays = 365, flagged: OnFlags = "refuse",
    overrides: Overrides = None, workers: WorkerCount = 1, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """A copy of a study for others: pseudonyms, shifted dates, headers of a closed list; no promise of anonymity.

    Example: outcome deidentify hospital.yaml --out ../for_others --key-file ~/study.key
    """
    from outcome.pipeline.deidentify import DeidentifyRequest, deidentify  # pydicom is needed here alone

    screen = Screen(as_json=json, quiet=quiet)
    rules = Rules(tuple(keep_text or ()), tuple(top_age or ()), keep_sites, shift_days, flagged)
    loaded = load_study(study, overrides or ())
    request = DeidentifyRequest(loaded, out, read_key(key_file), rules, Workers(workers))
    with screen.progress() as progress:
        done = deidentify(request, progress)
    document = {
        "status": "some failed" if done.failed else "ok", "exit_code": done.exit_code, "out": str(out),
        **done.record, "failed": dict(done.failed),
    }  # fmt: skip
    screen.result(document, lambda s: _show(s, done, document))
    return done.exit_code


def _show(screen: Screen, done: Deidentified, document: dict[str, Any]) -> None:
    table = document["table"]
    screen.table(["variable", "why it stays behind"], table["dropped"].items())
    screen.line(f"{table['columns_not_described']} column(s) that the dictionary does not describe stay behind")
    for name, reasons in table["left_empty"].items():
        screen.line(f"left empty in {name}: {', '.join(f'{count} {code}' for code, count in reasons.items())}")
    for name, count in table["ages_above_89"].items():
        screen.line(f"{name}: {count} case(s) above 89; --top-age {name} tells them as 90")
    for case, images in document["cases"].items():
        for name, facts in images.items():
            for flag in facts["flags"]:
                screen.line(f"flagged: {case}, {name}: {flag['code']}: {flag['message']}")
    for case, reason in done.failed.items():
        screen.line(f"left out: {case}: {reason}")
    screen.line(f"{table['rows']} cases in {document['out']}. {document['promise']}")
