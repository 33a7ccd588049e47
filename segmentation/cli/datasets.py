"""`segmentation datasets`: the layouts that can be read, and what stands in a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.cli.answers import AsJson, answer, end, existing, failed, refusals
from segmentation.datasets.dataset import Dataset
from segmentation.datasets.layouts import LAYOUTS, read_dataset

LayoutName = Annotated[str, typer.Option("--layout", help="of the data; default: recognised (`segmentation datasets`)")]


def datasets(
    data: Annotated[Path | None, typer.Option(help="folder to look at; without it the layouts are listed")] = None,
    layout: LayoutName = "",
    as_json: AsJson = False,
) -> None:
    """List the layouts of data sets that can be read, or say what stands in a folder. Nothing is written.

    Example: segmentation datasets --data ISIC2018
    """
    if data is None:
        answer({name: one.words for name, one in LAYOUTS.items()}, as_json=as_json)
        return
    existing(data, "the folder")
    with refusals():
        found = read_dataset(data, layout)
    answer({**described(found), "failed": failed(dict(found.refused))}, as_json=as_json)
    end(dict(found.refused))


def described(found: Dataset) -> dict[str, Any]:
    """A data set in words and counts."""
    return {
        "layout": found.layout,
        "cases": len(found.cases),
        "patients": found.patients,
        "modality": found.modality,
        "channels": list(found.channels),
        "regions": dict(found.regions),
        "unions": {name: list(labels) for name, labels in found.unions.items()},
        "split": dict(sorted(Counter(found.split.values()).items())),
        "notes": list(found.notes),
    }
