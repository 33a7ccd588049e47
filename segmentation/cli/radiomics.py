"""`segmentation radiomics`: features of one or more regions by IBSI tag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from segmentation.cli.answers import refusals
from segmentation.grids import locate
from segmentation.radiomics import measure_all
from segmentation.reading import read_header, read_image, read_mask


def radiomics(
    image: Annotated[Path, typer.Argument(help="image the mask was drawn on, .nii or .nii.gz")],
    mask: Annotated[Path, typer.Argument(help="mask, .nii or .nii.gz")],
    region: Annotated[list[str], typer.Option(help="NAME=LABEL; repeat for several")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Print the features of one or more regions by IBSI tag.

    Example: segmentation radiomics ct.nii.gz mask.nii.gz --region tumor=2 --json
    """
    regions = dict(_parse(text) for text in region)
    with refusals():
        features = _features(image, mask, regions)
    if as_json:
        typer.echo(json.dumps({"features": features}, indent=1))
    else:
        typer.echo("\n".join(f"{name}\t{value:.6g}" for name, value in features.items()))


def _parse(text: str) -> tuple[str, int]:
    name, _, label = text.partition("=")
    if not name or not label.isdigit():
        raise typer.BadParameter(f"expected NAME=LABEL with a whole number, found {text!r}")
    return name, int(label)


def _features(image_path: Path, mask_path: Path, regions: dict[str, int]) -> dict[str, float]:
    """Values by tag for one region, by `<region>.<tag>` for several."""
    mask = read_mask(mask_path, regions)
    image = read_image(image_path, window=locate(mask.grid, read_header(image_path).grid))
    found = measure_all(mask, image)
    if len(regions) == 1:
        (features, _), *_ = found.values()
        return features
    return {f"{name}.{tag}": value for name, (features, _) in found.items() for tag, value in features.items()}
