"""`segmentation inspect`: what an image is, or why it is refused. Kept lean: it starts in half a second."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.cli.answers import EXIT_REFUSED, AsJson
from segmentation.errors import ImageRefusal
from segmentation.images.dicom.choosing import Wanted
from segmentation.images.inspection import Inspection, inspect_image

_UNKNOWN = {"shape": None, "spacing_mm": None, "orientation": None, "modality": None}


def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="an image file, or the folder of a DICOM series")],
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y%m%d"], help="refuse DICOM series made on or after this day"),
    ] = None,
    modality: Annotated[str, typer.Option(help="of a folder's series, those of this modality: CT, MR, …")] = "",
    series: Annotated[int | None, typer.Option(help="of a folder's series, the one with this number")] = None,
    mask: Annotated[bool, typer.Option("--mask", help="labels must be whole numbers")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an image file or a DICOM folder holds, or refuse it with a code; exit code 0 or 3.

    Example: segmentation inspect CT_FOLDER --before 2024-03-01 --json
    """
    day: date | None = before.date() if before else None
    try:
        found = inspect_image(path, wanted=Wanted(day, modality, series), mask=mask)
    except ImageRefusal as error:
        _refused(error, as_json)
    except Exception as error:  # whatever a damaged file makes a library do is an answer, not a traceback
        step = "export the image again; if it opens elsewhere, report the kind of error"
        _refused(ImageRefusal("unreadable", f"{path.name}: The image cannot be read.", expected="an image",
                              found=type(error).__name__, next_step=step), as_json)  # fmt: skip
    else:
        typer.echo(json.dumps(_document(found), indent=1) if as_json else _words(found))


def _refused(error: ImageRefusal, as_json: bool) -> None:
    if as_json:
        why = {"expected": error.expected, "found": error.found, "next_step": error.next_step}
        answer = {"status": "refused", "code": error.code, "message": error.message, **_UNKNOWN, **why}
        typer.echo(json.dumps(answer, indent=1))
    else:
        typer.echo(f"{error.code}: {error}", err=True)
    raise typer.Exit(EXIT_REFUSED)


def _document(found: Inspection) -> dict[str, Any]:
    told = {name: value for name, value in asdict(found).items() if name != "acquired" or value}
    return {"status": "ok", "code": "ok", "message": _size(found), **told}


def _words(found: Inspection) -> str:
    lines = [
        f"ok: {_size(found)}, axes {found.orientation or 'unknown'}" + (f", {found.modality}" if found.modality else "")
    ]
    lines += [f"acquired: {found.acquired}"] if found.acquired else []
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"rule: {found.rule}"] if found.rule and found.left_out else []
    lines += [f"left out: {one}" for one in found.left_out]
    return "\n".join(lines)


def _size(found: Inspection) -> str:
    spacing = " x ".join("unknown" if step is None else f"{step:.4g}" for step in found.spacing_mm)
    return f"{' x '.join(map(str, found.shape))} voxels of {spacing} mm"


app = typer.Typer(no_args_is_help=True, add_completion=False, help="What an image is, or why it is refused.")


@app.callback()
def _root() -> None:
    """Masks and measurements from images."""


app.command()(inspect)
