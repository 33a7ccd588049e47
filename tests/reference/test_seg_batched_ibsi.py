"""IBSI phantoms measured many at once: equal to one by one, by the shipped settings files."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics.batched import measure_batch, measure_perturbed
from segmentation.radiomics.batched.tissue import tissue_mm
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.robustness.perturbations import draw_perturbations, perturbed
from segmentation.radiomics.settings import read_settings
from segmentation.types import Mask, Volume
from tests.batched_cases import check_equal

pytestmark = pytest.mark.real

CONFIGS = Path(__file__).parents[2] / "configs" / "ibsi"
CT = "ibsi_1_ct_radiomics_phantom"
CASES = {"phantom": "ibsi_1_digital_phantom"} | {f"config_{letter}": CT for letter in "abcde"}


def _pair(real_data: Path, phantom: str) -> tuple[Volume, Mask]:
    files = real_data / "ibsi" / phantom / "nifti"
    return read_image(files / "image/phantom.nii.gz"), read_mask(files / "mask/mask.nii.gz", {"roi": 1})


@pytest.mark.parametrize("case", CASES)
def test_equal_to_one_by_one(real_data: Path, case: str) -> None:
    settings = read_settings(CONFIGS / f"{case}.yaml").model_copy(update={"spatial_autocorrelation": False})
    image, mask = _pair(real_data, CASES[case])
    expected = measure_with(settings, image, mask, "roi")
    for found in measure_batch(settings, [(image, mask)] * 2, "roi"):
        check_equal(found, expected)


def test_perturbations_of_the_tumour(real_data: Path) -> None:
    settings = read_settings(CONFIGS / "config_c.yaml").model_copy(update={"spatial_autocorrelation": False})
    image, mask = _pair(real_data, CT)
    changes = draw_perturbations(2, 1)
    pairs = perturbed(image, mask, "roi", changes, around_mm=tissue_mm(settings, image.grid))
    for found, (shaken, outline) in zip(measure_perturbed(settings, image, mask, "roi", changes), pairs, strict=True):
        check_equal(found, measure_with(settings, shaken, outline, "roi"))
