"""How well does a learned mask agree with the given one? Only compared: no measurement of a given mask goes further."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outcome.cases import refusing
from outcome.errors import DataRefusal
from segmentation.images.reading import read_mask
from segmentation.metrics import dice
from segmentation.types import Mask

FILE = "agreement.parquet"
COLUMNS = {
    "case_id": "str", "region": "str", "dice": "float64", "voxels_given": "int64", "voxels_learned": "int64",
    "volume_given_ml": "float64", "volume_learned_ml": "float64", "network": "str",
}  # fmt: skip


@refusing
def compare(given: Path, given_regions: Mapping[str, int], learned: Mask, *, units_mm: bool) -> dict[str, Any]:
    """For every region that both name: `dice`, `voxels_given` and `volume_given_ml` (None without mm).

    `given_regions` holds the label numbers of the given file, which may differ from the learned mask's. `dice` is None
    where neither mask has a voxel of the region: there is nothing to agree on.

    Raises DataRefusal where the given mask cannot be vouched for or lies on another grid than the image.
    """
    regions = {name: label for name, label in given_regions.items() if name in learned.regions}
    if not regions:
        return {}
    mask = _with_labels(read_mask(given, regions), learned.regions)
    voxel_ml = (mask.source or mask.grid).voxel_ml if units_mm else None
    return {name: _region(mask, learned, learned.regions[name], voxel_ml) for name in regions}


def _with_labels(mask: Mask, regions: Mapping[str, int]) -> Mask:
    """The same mask with other label numbers."""
    wanted = {name: regions[name] for name in mask.regions}
    number = np.zeros(max(mask.regions.values()) + 1, dtype=np.uint16)
    for name, label in mask.regions.items():
        number[label] = wanted[name]
    return Mask(number[mask.labels], mask.affine, wanted, source=mask.source, offset=mask.offset)


def _region(given: Mask, learned: Mask, label: int, voxel_ml: float | None) -> dict[str, Any]:
    n_given, n_learned = (int((mask.labels == label).sum()) for mask in (given, learned))
    agreement = dice(given, learned, label)  # also refuses another grid
    return {
        "dice": agreement if n_given + n_learned else None,
        "voxels_given": n_given,
        "volume_given_ml": None if voxel_ml is None else n_given * voxel_ml,
    }


def agreement_table(reports: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row a case and region that both masks were compared in, from the cases' reports."""
    rows = [
        (case_id, name, found["dice"], found["voxels_given"], report["regions"][name]["voxels"],
         found["volume_given_ml"], report["regions"][name]["volume_ml"], report["drawn_by"])
        for case_id, report in sorted(reports.items())
        for name, found in sorted((report.get("given") or {}).items())
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def compared(given: Path, given_regions: Mapping[str, int], learned: Mask, *, units_mm: bool) -> tuple[Any, str]:
    """What `compare` gives, or None and why nothing could be compared."""
    try:
        return compare(given, given_regions, learned, units_mm=units_mm), ""
    except DataRefusal as error:
        return None, error.message
