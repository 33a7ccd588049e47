"""IBSI 1 consensus values of texture, computed from grey levels that the test makes itself.

Source: theibsi/data_sets and the IBSI 1 reference values with their tolerances (0 on the digital phantom). A value
agrees when, rounded to three significant digits as the reference is, it lies within the tolerance.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics.texture import FAMILIES, TextureRequest, texture_features

pytestmark = pytest.mark.real

COUNTS = {"cm": 50, "rlm": 32, "szm": 16, "dzm": 16, "ngt": 5, "ngl": 17}  # for each of 2D, 2.5D and 3D
Features = dict[str, float]


def _read(folder: Path, phantom: str) -> tuple[np.ndarray, np.ndarray]:
    """Mask and image of a phantom, cut to the mask, (K, J, I)."""
    mask = read_mask(folder / phantom / "nifti/mask/mask.nii.gz", {"roi": 1})
    image = read_image(folder / phantom / "nifti/image/phantom.nii.gz")
    window = tuple(slice(o, o + n) for o, n in zip(mask.offset, mask.labels.shape, strict=True))
    return mask.labels.T == 1, image.array[window].T.astype(np.float64)


@pytest.fixture(scope="module")
def digital(real_data: Path) -> Features:
    """The digital phantom: whole numbers 1 to 6, taken as grey levels."""
    mask, image = _read(real_data / "ibsi", "ibsi_1_digital_phantom")
    bins = np.where(mask, image, 0).astype(np.int32)
    return texture_features(bins, 6, np.full(3, 2.0), TextureRequest())[0]


@pytest.fixture(scope="module")
def chest(real_data: Path) -> Features:
    """Configuration A: no interpolation, [-500, 400] HU, bins of 25 HU from -500, by slice."""
    mask, image = _read(real_data / "ibsi", "ibsi_1_ct_radiomics_phantom")
    kept = mask & (image >= -500) & (image <= 400)
    bins = np.where(kept, np.floor((image + 500) / 25) + 1, 0).astype(np.int32)
    request = TextureRequest(("2D", "2_5D"), morphological=mask)
    return texture_features(bins, int(bins.max()), np.ones(3), request)[0]


def _compare(features: Features, path: Path, family: str, n_dimensions: int) -> None:
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["tag"].split("_")[0] == family]
    assert {row["tag"] for row in rows} == {tag for tag in features if tag.split("_")[0] == family}
    assert len(rows) == COUNTS[family] * n_dimensions
    for row in rows:
        reference, tolerance = float(row["reference value"]), float(row["tolerance"])
        ours = float(f"{features[row['tag']]:.3g}")
        assert abs(ours - reference) <= tolerance + 1e-9 * abs(reference), (row, ours)


@pytest.mark.parametrize("family", FAMILIES)
def test_digital_phantom(digital: Features, real_data: Path, family: str) -> None:
    _compare(digital, real_data / "ibsi/reference_values/ibsi_1_dig_phantom.csv", family, 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_ct_phantom_by_slice(chest: Features, real_data: Path, family: str) -> None:
    _compare(chest, real_data / "ibsi/reference_values/ibsi_1_chest_config_a.csv", family, 2)
