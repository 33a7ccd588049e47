"""The command that repeats a run from its manifest and says whether the bytes came out the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcome.cli.options import AsJson, OutStore, Quiet, Scheduler, WorkerCount
from outcome.cli.screen import Screen
from outcome.cli.work import spread
from outcome.errors import EXIT_OK, EXIT_REFUSED, EXIT_SOME_FAILED, UsageError
from outcome.pipeline.repeat import differences, read_recorded, refuse_unlike
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.store import STAGES, StudyStore

ManifestFile = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="the manifest.json of a report stage", show_default=False)
]
Folder = Annotated[
    Path, typer.Option("--folder", metavar="DIR", help="where the dictionary and other files the study names lie")
]
Root = Annotated[
    Path | None, typer.Option("--root", metavar="DIR", help="where table and images lie; default: --folder")
]
OtherCode = Annotated[
    bool, typer.Option("--other-code", help="repeat although the program or its libraries are others")
]


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("repeat")(repeat_command)


def repeat_command(
    manifest: ManifestFile, folder: Folder, out: OutStore, root: Root = None, other_code: OtherCode = False,
    workers: WorkerCount = 1, scheduler: Scheduler = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """Repeat a whole run from its manifest alone, with the data, and compare every byte; 3 where any differs.

    Example: outcome repeat manifest.json --folder configs --root kits23 --out again
    """
    recorded = read_recorded(manifest, folder, root or folder)
    place = StudyStore(out, recorded.study.name)
    if place.folder.exists():
        raise UsageError(
            "a run is repeated from nothing: what is finished would be taken over",
            found=f"{place.folder} is there",
            next_step="name another --out",
        )
    if not other_code:
        refuse_unlike(recorded)
    screen, how = Screen(as_json=json, quiet=quiet), spread(workers, scheduler, "auto")
    with (
        screen.progress() as progress,
        open_run(recorded.study, out, command="repeat", workers=how.workers, progress=progress) as run,
    ):
        results = run_stages(run, [STAGE_RUNNERS[stage] for stage in STAGES])
    unequal = differences(recorded, place)
    failed = max(result.exit_code for result in results)
    code = failed if failed == EXIT_SOME_FAILED and not unequal else EXIT_REFUSED if unequal else EXIT_OK
    status = "differs" if unequal else "the same bytes"
    document = {"status": status, "exit_code": code, "differences": list(unequal), "store": str(out)}
    screen.result(document, lambda s: s.line("\n".join([status, *unequal])))
    return code
