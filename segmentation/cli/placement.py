"""`segmentation placement`: where a lesion lies in its organ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from segmentation.cli.answers import refusals, say
from segmentation.cli.radiomics import parse_region
from segmentation.images.reading import read_mask
from segmentation.radiomics.placement.measuring import placement_features
from segmentation.radiomics.placement.scene import Placement


def placement(
    mask: Annotated[Path, typer.Argument(help="mask, .nii or .nii.gz")],
    lesion: Annotated[str, typer.Option(help="NAME=LABEL of the lesion; the largest one is measured")],
    organ: Annotated[str, typer.Option(help="NAME=LABEL of the organ that holds it")],
    part: Annotated[list[str] | None, typer.Option(help="NAME=LABEL that belongs to the organ (cysts); repeat")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Print how deep, how high and how close to the sinus a lesion lies, and its R.E.N.A.L. points; on stderr what
    cannot be had, with the reason.

    Example: segmentation placement mask.nii.gz --lesion tumor=2 --organ kidney=1 --part cyst=3 --json
    """
    named = [parse_region(text) for text in (lesion, organ, *(part or []))]
    names = [name for name, _ in named]
    if len(set(names)) < len(names) or len({label for _, label in named}) < len(named):
        raise typer.BadParameter("lesion, organ and parts are different regions with different labels")
    with refusals():
        asked = Placement(names[0], names[1], tuple(names[2:]))
        features, reasons = placement_features(read_mask(mask, dict(named)), asked)
    for tag, reason in reasons.items():
        say(f"{tag}: {reason}")
    if as_json:
        typer.echo(json.dumps({"features": features, "missing": reasons}, indent=1))
    else:
        typer.echo("\n".join(f"{tag}\t{value:.6g}" for tag, value in features.items()))
