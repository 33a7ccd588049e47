"""Profile `pyradiomics` against PyRadiomics 3.0.1 itself: all 107 default features, within 1e-6.

`pyradiomics_3_0_1.json` holds what PyRadiomics 3.0.1 (numpy 2.2, SimpleITK 2.5, default settings) printed for the
volumes that `VOLUMES` makes, and for the two phantoms of IBSI 1. A value that it printed as NaN is null there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics.pyradiomics import measure_as_pyradiomics
from segmentation.radiomics.pyradiomics.differences import differences
from segmentation.radiomics.pyradiomics.names import NAMES
from segmentation.radiomics.settings import read_settings
from segmentation.types import Mask, Volume

TABLE = json.loads(Path(__file__).with_name("pyradiomics_3_0_1.json").read_text(encoding="utf-8"))
CONFIGS = Path(__file__).parents[2] / "configs" / "ibsi"
Case = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]


# volumes: image (K, J, I), mask, spacing mm along x, y, z; whole numbers only, so that every machine makes the same
def _pattern(shape: tuple[int, int, int]) -> np.ndarray:
    k, j, i = np.indices(shape)
    return (31 * k * k + 17 * j * i + 13 * i * i + 7 * j * k) % 241 - 337


def _ellipsoid(shape: tuple[int, int, int], half: tuple[int, int, int]) -> np.ndarray:
    distance = sum(((2 * x - n + 1) / (2 * h)) ** 2 for x, n, h in zip(np.indices(shape), shape, half, strict=True))
    return distance <= 1


def solid() -> Case:
    """Negative whole intensities in an ellipsoid with voxels of odd edges."""
    shape = (13, 16, 19)
    return _pattern(shape).astype(np.int16), _ellipsoid(shape, (5, 7, 8)), (0.7, 1.3, 3.1)


def pierced() -> Case:
    """Fractions on both sides of zero, and holes: pieces that touch by edges only, in which meshes differ."""
    shape = (13, 16, 19)
    k, j, i = np.indices(shape)
    return (
        (_pattern(shape) + 200) * 0.75,
        _ellipsoid(shape, (6, 6, 8)) & ((5 * k + 3 * j + 11 * i) % 7 > 2),
        (2, 1, 0.3),
    )


def scattered() -> Case:
    """Three voxels that touch and three that touch none."""
    mask = np.zeros((13, 16, 19), dtype=bool)
    for place in ((3, 3, 3), (6, 5, 4), (3, 9, 3), (10, 3, 9), (4, 3, 3), (4, 4, 3)):
        mask[place] = True
    return _pattern(mask.shape).astype(np.int16), mask, (1.0, 1.2, 2.0)


def flat() -> Case:
    """One slice."""
    mask = np.zeros((13, 16, 19), dtype=bool)
    mask[6] = _ellipsoid(mask.shape, (5, 7, 8))[6]
    return _pattern(mask.shape).astype(np.int16), mask, (1.0, 1.2, 2.0)


def constant() -> Case:
    """One intensity, which is no multiple of the bin width."""
    shape = (13, 16, 19)
    return np.full(shape, 40, dtype=np.int16), _ellipsoid(shape, (5, 7, 8)), (1.0, 1.0, 1.0)


VOLUMES: dict[str, Callable[[], Case]] = {f.__name__: f for f in (solid, pierced, scattered, flat, constant)}
# volumes end


def _read(case: Case) -> tuple[Volume, Mask]:
    image, mask, spacing = case
    affine = np.diag([*spacing, 1.0])
    labels = np.asfortranarray(mask.T.astype(np.uint8))
    return Volume(np.asfortranarray(image.T), affine), Mask(labels, affine, {"region": 1})


def _differing(name: str, image: Volume, mask: Mask) -> list[str]:
    features, missing = measure_as_pyradiomics(image, mask, "region")
    table = TABLE[name]
    assert set(table) == set(NAMES)
    assert set(missing) == {each for each, value in table.items() if value is None}
    return [
        f"{each}: {features[each]} for {value}"
        for each, value in table.items()
        # Zero is printed as up to 4e-16, as the logarithms there are of p + 2e-16.
        if value is not None and features[each] != pytest.approx(value, rel=1e-6, abs=1e-12)
    ]


@pytest.mark.parametrize("name", VOLUMES)
def test_all_features_of_a_made_volume_agree_with_pyradiomics(name: str) -> None:
    assert _differing(name, *_read(VOLUMES[name]())) == []


@pytest.mark.parametrize("name", VOLUMES)
def test_every_difference_from_ibsi_is_explained_by_rules(name: str) -> None:
    found = differences(*_read(VOLUMES[name]()), "region")
    assert [each.tag for each in found if each.verdict in ("unexplained", "missing")] == []


def _phantom(real_data: Path, name: str) -> tuple[Volume, Mask]:
    folder = real_data / "ibsi" / f"ibsi_1_{name}" / "nifti"
    return read_image(folder / "image" / "phantom.nii.gz"), read_mask(folder / "mask" / "mask.nii.gz", {"region": 1})


@pytest.mark.real
@pytest.mark.parametrize("name", ["digital_phantom", "ct_radiomics_phantom"])
def test_all_features_of_the_phantoms_agree_with_pyradiomics(real_data: Path, name: str) -> None:
    assert _differing(name, *_phantom(real_data, name)) == []


@pytest.mark.real
@pytest.mark.parametrize("config", ["config_a", "config_c"])
def test_every_difference_on_the_ct_phantom_is_explained_by_rules(real_data: Path, config: str) -> None:
    settings = read_settings(CONFIGS / f"{config}.yaml")
    phantom = _phantom(real_data, "ct_radiomics_phantom")
    found = {each.tag: each for each in differences(*phantom, "region", settings)}
    assert [tag for tag, each in found.items() if each.rules is None] == []
    assert "kurtosis" in (found["stat_kurt"].rules or ())
    assert "resegmentation" in (found["cm_contrast_3D_avg"].rules or ())
