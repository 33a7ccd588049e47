"""IBSI 1 consensus values by the shipped settings files: every value of the digital phantom, configurations A and C.

Source: theibsi/data_sets and the IBSI 1 reference values with their tolerances; configurations B, D and E are measured
without values to compare with.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from segmentation.images.reading import read_header, read_image, read_mask
from segmentation.radiomics.dictionary import EVERY_FEATURE, tags_of
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.processing import prepare, reading_window
from segmentation.radiomics.settings import read_settings

pytestmark = pytest.mark.real

CONFIGS = Path(__file__).parents[2] / "configs" / "ibsi"
CASES = {
    "phantom": ("ibsi_1_digital_phantom", "ibsi_1_dig_phantom"),
    "config_a": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_a"),
    "config_c": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_c"),
}
FAMILY = {feature.tag: feature.family for feature in EVERY_FEATURE}


def _reference(folder: Path, name: str) -> dict[str, tuple[float, float]]:
    with (folder / "ibsi" / "reference_values" / f"{name}.csv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["reference value"]]
    return {row["tag"]: (float(row["reference value"]), float(row["tolerance"] or 0)) for row in rows}


def _agrees(ours: float, reference: float, tolerance: float) -> bool:
    return abs(float(f"{ours:.3g}") - reference) <= tolerance + 1e-9 * abs(reference)


@pytest.mark.parametrize("case", CASES)
def test_every_consensus_value_within_its_tolerance(
    real_data: Path, case: str, record_property: Callable[[str, object], None]
) -> None:
    phantom, name = CASES[case]
    files = real_data / "ibsi" / phantom / "nifti"
    mask = read_mask(files / "mask/mask.nii.gz", {"roi": 1})
    features, _ = measure_with(
        read_settings(CONFIGS / f"{case}.yaml"), read_image(files / "image/phantom.nii.gz"), mask, "roi"
    )
    reference = {tag: known for tag, known in _reference(real_data, name).items() if tag in FAMILY}
    wrong = {tag: (features.get(tag), *known) for tag, known in reference.items() if tag not in features}
    wrong |= {
        tag: (features[tag], *known)
        for tag, known in reference.items()
        if tag in features and not _agrees(features[tag], *known)
    }
    counts = Counter(FAMILY[tag] for tag in reference if tag not in wrong)
    record_property("agreeing", dict(counts))
    assert wrong == {}
    assert sum(counts.values()) == {"phantom": 482, "config_a": 346, "config_c": 210}[case]


def test_the_new_grid_and_masks_of_configuration_c(real_data: Path) -> None:
    files = real_data / "ibsi" / CASES["config_c"][0] / "nifti"
    settings = read_settings(CONFIGS / "config_c.yaml")
    whole = read_header(files / "image/phantom.nii.gz").grid
    mask = read_mask(files / "mask/mask.nii.gz", {"roi": 1})
    image = read_image(files / "image/phantom.nii.gz", window=reading_window(settings, mask.grid, whole))
    prepared = prepare(settings, image, mask, "roi", whole)
    assert prepared is not None
    known = _reference(real_data, CASES["config_c"][1])
    outlined = prepared.image[prepared.morphological]
    found = {
        **{f"morph_mask_bb_dim_{x}_interp_roi": float(n) for x, n in zip("zyx", prepared.image.shape, strict=True)},
        "morph_mask_vox_count_interp_roi": float(prepared.morphological.sum()),
        "int_mask_vox_count_reseg_roi": float(prepared.intensity.sum()),
        "int_mask_mean_int_interp_roi": float(outlined.mean()),
        "int_mask_min_int_interp_roi": float(outlined.min()),
        "int_mask_max_int_interp_roi": float(outlined.max()),
        "int_mask_mean_int_reseg_roi": float(prepared.values.mean()),
        "int_mask_max_int_reseg_roi": float(prepared.values.max()),
    }
    for tag, value in found.items():
        reference, tolerance = known[tag]
        assert abs(value - reference) <= tolerance + 0.05, (tag, value)


@pytest.mark.parametrize("case", ["config_b", "config_d", "config_e"])
def test_the_other_configurations_measure_everything(real_data: Path, case: str) -> None:
    files = real_data / "ibsi" / CASES["config_c"][0] / "nifti"
    settings = read_settings(CONFIGS / f"{case}.yaml")
    mask = read_mask(files / "mask/mask.nii.gz", {"roi": 1})
    features, missing = measure_with(settings, read_image(files / "image/phantom.nii.gz"), mask, "roi")
    assert missing == {}
    assert set(features) == {tag for family in settings.families for tag in tags_of(family, settings)}
