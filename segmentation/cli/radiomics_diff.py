"""`segmentation radiomics-diff`: each feature by IBSI and by PyRadiomics 3.0.1, and the rule that moved it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.cli.answers import AsJson, refusals, say
from segmentation.cli.radiomics import parse_region, read_regions, settings_of
from segmentation.images.reading import read_image
from segmentation.radiomics.pyradiomics.differences import Difference, differences
from segmentation.radiomics.pyradiomics.rules import RULES


def radiomics_diff(
    image: Annotated[Path, typer.Argument(help="image the mask was drawn on, .nii or .nii.gz")],
    mask: Annotated[Path, typer.Argument(help="mask, .nii or .nii.gz")],
    region: Annotated[str | None, typer.Option(help="NAME=LABEL; without it all labels together")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML file for the IBSI side; without it no resampling, bins of 25 units")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print each feature by IBSI and by PyRadiomics 3.0.1, their ratio, and the fewest rules that explain it.

    Example: segmentation radiomics-diff ct.nii.gz mask.nii.gz --region tumor=1 --json
    """
    regions = dict([parse_region(region)]) if region else {}
    with refusals():
        outlined = read_regions(mask, regions)
        (name,) = outlined.regions
        found = differences(read_image(image), outlined, name, settings_of(settings))
    if as_json:
        typer.echo(json.dumps(_document(found), indent=1))
        return
    typer.echo("ibsi tag\tpyradiomics name\tibsi\tpyradiomics\tratio\trules")
    typer.echo("\n".join(_line(each) for each in found))
    for rule in _named(found):
        say(f"{rule}: {RULES[rule]}")


def _document(found: Sequence[Difference]) -> dict[str, Any]:
    return {
        "verdicts": dict(Counter(each.verdict for each in found).most_common()),
        "rules": {rule: RULES[rule] for rule in _named(found)},
        "features": {each.tag: _entry(each) for each in found},
    }


def _entry(each: Difference) -> dict[str, Any]:
    entry = {
        "pyradiomics_name": each.name,
        "ibsi": each.ibsi,
        "pyradiomics": each.pyradiomics,
        "ratio": each.ratio,
        "verdict": each.verdict,
        "rules": None if each.rules is None else list(each.rules),
    }
    return entry | ({"reason": each.reason} if each.reason else {})


def _line(each: Difference) -> str:
    numbers = ("" if value is None else f"{value:.6g}" for value in (each.ibsi, each.pyradiomics, each.ratio))
    return "\t".join((each.tag, each.name, *numbers, each.verdict))


def _named(found: Sequence[Difference]) -> list[str]:
    used = {rule for each in found for rule in each.rules or ()}
    return [rule for rule in RULES if rule in used]
