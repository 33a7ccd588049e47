"""IBSI 1 consensus values. Source: theibsi/data_sets and the IBSI 1 reference values, with their tolerances.

A value agrees when, rounded to three significant digits as the reference is, it lies within the tolerance.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics import measure
from segmentation.radiomics.catalogue import CATALOGUE
from segmentation.types import Mask

pytestmark = pytest.mark.real

# Configuration A re-segments the intensities to [-500, 400] HU, which only intensity features see.
DIGITAL = [f.tag for f in CATALOGUE if f.ibsi]
SHAPE = [f.tag for f in CATALOGUE if f.ibsi and f.family == "shape"]


@pytest.fixture(scope="module")
def digital(real_data: Path) -> dict[str, tuple[float, float, float]]:
    return _compared(real_data / "ibsi", "ibsi_1_digital_phantom", "ibsi_1_dig_phantom")


@pytest.fixture(scope="module")
def chest(real_data: Path) -> dict[str, tuple[float, float, float]]:
    return _compared(real_data / "ibsi", "ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_a")


def _compared(folder: Path, phantom: str, reference: str) -> dict[str, tuple[float, float, float]]:
    """Ours, the reference and its tolerance, by tag."""
    mask = read_mask(folder / phantom / "nifti/mask/mask.nii.gz", {"roi": 1})
    features, _ = measure(mask, "roi", read_image(folder / phantom / "nifti/image/phantom.nii.gz"))
    with (folder / "reference_values" / f"{reference}.csv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["reference value"]]
    return {
        row["tag"]: (features[row["tag"]], float(row["reference value"]), float(row["tolerance"]))
        for row in rows
        if row["tag"] in features
    }


def _agrees(ours: float, reference: float, tolerance: float) -> bool:
    return abs(float(f"{ours:.3g}") - reference) <= tolerance + 1e-9 * abs(reference)


@pytest.mark.parametrize("tag", DIGITAL)
def test_digital_phantom(digital: dict[str, tuple[float, float, float]], tag: str) -> None:
    assert _agrees(*digital[tag]), digital[tag]


@pytest.mark.parametrize("tag", SHAPE)
def test_shape_on_the_ct_phantom(chest: dict[str, tuple[float, float, float]], tag: str) -> None:
    assert _agrees(*chest[tag]), chest[tag]


def test_intensities_on_the_ct_phantom_after_the_same_cut(real_data: Path) -> None:
    """Configuration A's range taken by hand: voxels outside [-500, 400] HU leave the intensity mask."""
    folder = real_data / "ibsi"
    mask = read_mask(folder / "ibsi_1_ct_radiomics_phantom/nifti/mask/mask.nii.gz", {"roi": 1})
    image = read_image(folder / "ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz")
    i, j, k = mask.offset
    n_i, n_j, n_k = mask.labels.shape
    values = image.array[i : i + n_i, j : j + n_j, k : k + n_k]
    kept = np.where((values >= -500) & (values <= 400), mask.labels, 0).astype(np.uint8)
    features, _ = measure(Mask(kept, mask.affine, {"roi": 1}), "roi", image, ("intensity",))
    with (folder / "reference_values" / "ibsi_1_chest_config_a.csv").open() as file:
        reference = {row["tag"]: row for row in csv.DictReader(file, delimiter=";")}
    for tag in (f.tag for f in CATALOGUE if f.tag.startswith("stat_")):
        row = reference[tag]
        assert _agrees(features[tag], float(row["reference value"]), float(row["tolerance"])), tag
