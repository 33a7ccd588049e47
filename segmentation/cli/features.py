"""`segmentation features`: what each feature means, so that nobody has to open the data dictionary."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from segmentation.cli.answers import AsJson, refusals
from segmentation.radiomics.dictionary import explain


def features(
    tag: Annotated[str, typer.Argument(help="a tag, its beginning (cm_contrast), or nothing for all")] = "",
    as_json: AsJson = False,
) -> None:
    """Print tag, IBSI code, family, unit and formula of radiomic features.

    Example: segmentation features cm_contrast
    """
    with refusals():
        found = explain(tag)
    rows = [
        {"tag": f.tag, "ibsi_code": f.ibsi, "family": f.family, "unit": f.unit, "definition": f.definition}
        for f in found
    ]
    if as_json:
        typer.echo(json.dumps({"features": rows}, indent=1))
        return
    typer.echo("tag\tIBSI\tfamily\tunit\tdefinition")
    typer.echo("\n".join("\t".join(row.values()) for row in rows))
