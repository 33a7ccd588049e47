"""How many of the IBSI 1 consensus values come out, by family? And how many IBSI 2 response maps?

python -m benchmarks.consensus $OUTCOME_REAL_DATA/ibsi

A value agrees where, rounded to three significant digits, it lies within the published tolerance.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import read_settings

CASES = {
    "digital phantom": ("ibsi_1_digital_phantom", "ibsi_1_dig_phantom", "phantom"),
    "CT, configuration A": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_a", "config_a"),
    "CT, configuration C": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_c", "config_c"),
}
# Sizes of images and masks between the steps are no features.
DIAGNOSTIC = ("img_", "vox_", "morph_mask", "_init_img", "_interp_img", "_roi", "_reseg")


def counts(folder: Path, phantom: str, reference: str, settings: str) -> tuple[Counter[str], Counter[str]]:
    """Values that agree and all values, by the first part of the tag."""
    files = [next((folder / phantom / "nifti" / part).iterdir()) for part in ("image", "mask")]
    image, mask = read_image(files[0]), read_mask(files[1], {"region": 1})
    found, _ = measure_with(read_settings(Path(f"configs/ibsi/{settings}.yaml")), image, mask, "region")
    good: Counter[str] = Counter()
    every: Counter[str] = Counter()
    with (folder / "reference_values" / f"{reference}.csv").open() as file:
        for row in csv.DictReader(file, delimiter=";"):
            tag, value = row["tag"], row["reference value"]
            if value and not any(tag.startswith(part) or tag.endswith(part) for part in DIAGNOSTIC):
                family = tag.split("_")[0]
                every[family] += 1
                good[family] += agrees(found.get(tag, math.nan), float(value), float(row["tolerance"] or 0))
    return good, every


def agrees(value: float, reference: float, tolerance: float) -> bool:
    rounded = float(f"{value:.3g}") if np.isfinite(value) else math.nan
    slack = tolerance + 1e-9 * abs(reference)
    return abs(rounded - reference) <= slack or abs(value - reference) <= slack


def main() -> None:
    folder = Path(sys.argv[1])
    results = {name: counts(folder, *words) for name, words in CASES.items()}
    families = sorted({family for _, every in results.values() for family in every})
    print(f"| family | {' | '.join(results)} |\n|---|{'---|' * len(results)}")
    for family in families:
        cells = [f"{good[family]} of {every[family]}" if every[family] else "–" for good, every in results.values()]
        print(f"| {family} | {' | '.join(cells)} |")
    print(f"| all | {' | '.join(f'{g.total()} of {e.total()}' for g, e in results.values())} |")


if __name__ == "__main__":
    main()
