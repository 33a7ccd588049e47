"""The 17 reference response maps of IBSI 2, phase 1.

Source: theibsi/ibsi_2_reference_data, phantoms theibsi/data_sets.

A map agrees where no voxel differs by more than 1 % of the reference map's range. Test ids and parameters are those of
the definition (arXiv:2006.05470): phantom and filter belong to the test, nothing is fitted here. Of 7.a.1 the published
map shows that responses are averaged over rotations: its profile across an edge is symmetric, which no single Haar
filter (an even number of weights) gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.images.reading import read_image
from segmentation.radiomics.filters import filter_settings, respond

pytestmark = pytest.mark.real

TOLERANCE = 0.01

MEAN = {"name": "mean", "support": 15}
LOG = {"name": "laplacian_of_gaussian", "truncate": 4}
E5L5S5 = {"name": "laws", "kernels": "E5L5S5", "boundary": "zero"}
E3W5R5 = {"name": "laws", "kernels": "E3W5R5", "boundary": "mirror"}
SIMONCELLI = {"name": "nonseparable_wavelet", "family": "simoncelli"}
GABOR_A = {"name": "gabor", "sigma_mm": 10, "wavelength_mm": 4, "gamma": 0.5, "boundary": "zero"}
GABOR_B = {"name": "gabor", "sigma_mm": 20, "wavelength_mm": 8, "gamma": 2.5, "boundary": "mirror"}
DB2 = {"name": "separable_wavelet", "family": "db2", "bands": "LHL", "boundary": "zero"}
COIF1 = {"name": "separable_wavelet", "family": "coif1", "bands": "HHL", "boundary": "periodic"}
HAAR = {"name": "separable_wavelet", "family": "haar", "bands": "LLL", "level": 2, "boundary": "mirror"}

MAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "1_a_2": ("checkerboard", {**MEAN, "boundary": "nearest"}),
    "1_a_4": ("checkerboard", {**MEAN, "boundary": "mirror"}),
    "2_a": ("impulse", {**LOG, "sigma_mm": 3, "boundary": "zero"}),
    "2_c": ("checkerboard", {**LOG, "sigma_mm": 5, "dimensions": 2, "boundary": "mirror"}),
    "3_a_2": ("impulse", {**E5L5S5, "pooling": "max"}),
    "3_b_1": ("checkerboard", E3W5R5),
    "3_b_3": ("checkerboard", {**E3W5R5, "pooling": "max", "energy_distance": 7}),
    "3_c_2": ("checkerboard", {"name": "laws", "kernels": "L5S5", "pooling": "max", "boundary": "mirror"}),
    "4_a_1": ("impulse", {**GABOR_A, "angle_deg": 60}),
    "4_b_1": ("sphere", {**GABOR_B, "angle_deg": 225}),
    "5_a_1": ("impulse", DB2),
    "6_a_1": ("sphere", COIF1),
    "7_a_1": ("checkerboard", {**HAAR, "pooling": "mean"}),
    "8_a_1": ("checkerboard", {**SIMONCELLI, "level": 1, "boundary": "periodic"}),
    "8_a_3": ("checkerboard", {**SIMONCELLI, "level": 3, "boundary": "periodic"}),
    "9_b_1": ("sphere", {**LOG, "sigma_mm": 3, "riesz": [0, 2, 0], "boundary": "zero"}),
    "10_b_1": ("pattern_1", {**SIMONCELLI, "riesz": [0, 2, 0], "boundary": "nearest"}),
}


def deviation(folder: Path, test_id: str) -> float:
    """The largest difference from the reference map, as a part of that map's range."""
    phantom, entries = MAPS[test_id]
    image = read_image(folder / "ibsi_2_digital_phantom/nifti" / phantom / "image" / f"{phantom}.nii.gz")
    reference = read_image(folder / "ibsi_2_response_maps" / f"{test_id}-ValidCRM.nii.gz").array
    ours = respond(image.array, image.grid.spacing_mm, filter_settings(entries))
    return float(np.abs(ours - reference).max() / (reference.max() - reference.min()))


def test_every_given_map_has_a_filter(real_data: Path) -> None:
    found = {path.name.split("-")[0] for path in (real_data / "ibsi/ibsi_2_response_maps").glob("*.nii.gz")}
    assert found == set(MAPS)


@pytest.mark.parametrize("test_id", MAPS)
def test_response_map(real_data: Path, test_id: str, record_property: Any) -> None:
    found = deviation(real_data / "ibsi", test_id)
    record_property("part_of_range", found)
    assert found <= TOLERANCE, f"{test_id}: {found:.2e} of the range"
