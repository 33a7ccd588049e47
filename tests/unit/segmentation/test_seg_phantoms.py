"""A phantom is what its truth says, and nothing but its generator is random."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.phantoms import PhantomSpec, phantom
from segmentation.radiomics import measure
from segmentation.radiomics.region import label_boxes


def _centre_mm(labels: np.ndarray, affine: np.ndarray, label: int) -> np.ndarray:
    return affine[:3, :3] @ np.argwhere(labels == label).mean(axis=0) + affine[:3, 3]


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pole", ["upper", "middle", "lower"])
def test_volume_and_place_are_as_asked(orientation: str, side: str, pole: str) -> None:
    spec = PhantomSpec(orientation=orientation, side=side, pole=pole, tumour_ml=15)
    volume, mask, truth = phantom(np.random.default_rng(0), spec)
    assert volume.grid.orientation == mask.grid.orientation == orientation
    assert truth["tumour_voxels_ml"] == pytest.approx(15, rel=0.03)
    np.testing.assert_allclose(_centre_mm(mask.labels, mask.affine, 2), truth["tumour_centre_mm"], atol=0.5)
    x, _, z = truth["tumour_centre_mm"]
    assert (x > 0) == (side == "right"), "x grows to the patient's right"
    if pole != "middle":
        assert (z > 0) == (pole == "upper")


def test_the_same_seed_gives_the_same_phantom_and_another_seed_other_noise() -> None:
    spec = PhantomSpec(texture_hu=20)
    first, again, other = (phantom(np.random.default_rng(seed), spec) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0].array, again[0].array)
    assert (first[0].array != other[0].array).any()
    np.testing.assert_array_equal(first[1].labels, other[1].labels)


def test_texture_spreads_the_tumour_by_its_amplitude() -> None:
    means, spreads = [], []
    for seed in range(8):
        volume, mask, _ = phantom(np.random.default_rng(seed), PhantomSpec(texture_hu=40, noise_hu=0, tumour_ml=30))
        inside = volume.array[mask.labels == 2]
        means.append(inside.mean())
        spreads.append(inside.std())
    assert np.mean(spreads) == pytest.approx(40, rel=0.2)
    assert np.mean(means) == pytest.approx(80, abs=15)


def test_levels_are_those_asked_for_without_noise() -> None:
    volume, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(noise_hu=0, organ_hu=140, tumour_hu=60))
    assert set(volume.array[mask.labels == 1].tolist()) == {140}
    assert set(volume.array[mask.labels == 2].tolist()) == {60}


def test_left_and_right_kidney_differ() -> None:
    _, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(tumour_ml=0.5))
    kidney = mask.labels == 1
    half = kidney.shape[0] // 2
    assert kidney[:half].sum() > 1.2 * kidney[half:].sum()
    assert measure(mask, "kidney", None, ("shape",))[0]["n_components"] == 2
    _, counts = label_boxes(mask)
    assert counts[1] == kidney.sum()


@pytest.mark.parametrize(
    "wrong",
    [
        {"orientation": "RAA"},
        {"orientation": "XYZ"},
        {"side": "up"},
        {"pole": "north"},
        {"tumour_ml": 0},
        {"irregularity": 1.5},
        {"coarseness": -0.1},
        {"modality": "PET"},
    ],
)
def test_an_impossible_phantom_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        PhantomSpec(**wrong)  # type: ignore[arg-type]


def test_an_irregular_tumour_keeps_its_volume_and_loses_sphericity() -> None:
    """At the same volume the surface alone decides how round the tumour is."""
    roundness = []
    for irregularity in (0.0, 0.35, 0.7, 1.0):
        found = []
        for patient in range(4):
            spec = PhantomSpec(tumour_ml=40, irregularity=irregularity, anatomy=patient)
            _, mask, truth = phantom(np.random.default_rng(0), spec)
            assert truth["tumour_voxels_ml"] == pytest.approx(40, rel=0.06)
            found.append(measure(mask, "tumor", None, ("shape",))[0]["morph_sphericity"])
        roundness.append(np.mean(found))
    assert (np.diff(roundness) < -0.03).all(), roundness
    assert roundness[0] > roundness[-1] + 0.15


def _tumour_levels(coarseness: float, **more: object) -> tuple[np.ndarray, np.ndarray]:
    spec = PhantomSpec(tumour_ml=30, texture_hu=26, noise_hu=0, coarseness=coarseness, **more)  # type: ignore[arg-type]
    volume, mask, _ = phantom(np.random.default_rng(0), spec)
    return volume.array.astype(float), mask.labels == 2


def test_coarseness_changes_where_values_lie_and_not_which_values_there_are() -> None:
    (fine, inside), (coarse, same) = _tumour_levels(0.0), _tumour_levels(1.0)
    np.testing.assert_array_equal(inside, same)
    np.testing.assert_array_equal(np.sort(fine[inside]), np.sort(coarse[inside]))
    pairs = inside[1:] & inside[:-1]
    near_fine, near_coarse = (np.corrcoef(a[1:][pairs], a[:-1][pairs])[0, 1] for a in (fine, coarse))
    assert near_coarse > near_fine + 0.2


def test_texture_leaves_no_slope_through_the_tumour() -> None:
    """Otherwise the distance between the centres of mass and of shape would tell the coarseness."""
    for patient in range(5):
        levels, inside = _tumour_levels(1.0, anatomy=patient)
        where = np.argwhere(inside)
        slopes = [abs(np.corrcoef(where[:, axis], levels[inside])[0, 1]) for axis in range(3)]
        assert max(slopes) < 0.1, slopes


def test_the_same_patient_lies_at_the_same_place_on_ct_and_mr() -> None:
    tumour = {"tumour_ml": 25, "irregularity": 0.6, "anatomy": 9, "offset_mm": (3.0, -2.0, 4.0), "exophytic": 0.2}
    ct = phantom(np.random.default_rng(1), PhantomSpec(**tumour))
    mr = phantom(np.random.default_rng(2), PhantomSpec(**tumour, modality="MR", shape=(56, 50, 44), orientation="PSR"))
    assert (ct[0].modality, mr[0].modality) == ("CT", "MR")
    centres = [_centre_mm(mask.labels, mask.affine, 2) for _, mask, _ in (ct, mr)]
    np.testing.assert_allclose(centres[0], centres[1], atol=1.0)


def test_an_mr_has_a_gain_a_bias_field_and_no_negative_value() -> None:
    plain, loud = (
        phantom(np.random.default_rng(1), PhantomSpec(modality="MR", noise_hu=0, gain=gain))[0].array for gain in (1, 3)
    )
    assert plain.min() == 0
    np.testing.assert_allclose(loud, 3 * plain.astype(int), atol=2)
    spec = PhantomSpec(modality="MR", noise_hu=0, bias=0.4)
    uneven, mask, _ = phantom(np.random.default_rng(1), spec)
    kidney = uneven.array[mask.labels == 1]
    assert kidney.std() > 5
    noisy = phantom(np.random.default_rng(1), PhantomSpec(modality="MR", noise_hu=20))[0].array
    air = noisy[:3, :3]
    assert air.mean() == pytest.approx(20 * 1.4 * np.sqrt(np.pi / 2), rel=0.1), "Rayleigh: noise never averages to zero"


def test_a_scanner_s_shift_moves_every_level() -> None:
    levels = [phantom(np.random.default_rng(0), PhantomSpec(noise_hu=0, shift_hu=shift)) for shift in (0.0, -15.0)]
    (straight, mask, _), (shifted, _, _) = levels
    inside = mask.labels > 0
    assert set((straight.array - shifted.array)[inside].tolist()) == {15}


def test_depth_moves_the_tumour_towards_the_middle_of_the_body() -> None:
    for side in ("left", "right"):
        x = [
            abs(phantom(np.random.default_rng(0), PhantomSpec(side=side, exophytic=e))[2]["tumour_centre_mm"][0])
            for e in (-0.6, 0.1, 0.9)
        ]
        assert x == sorted(x)
        assert x[-1] - x[0] > 25


def test_no_tumour_of_the_synthetic_study_touches_the_edge_of_the_field() -> None:
    for patient in range(6):
        spec = PhantomSpec(
            tumour_ml=110, irregularity=1, exophytic=0.9, anatomy=patient, side=("left", "right")[patient % 2]
        )
        labels = phantom(np.random.default_rng(0), spec)[1].labels
        assert not any((np.take(labels, end, axis=axis) == 2).any() for axis in range(3) for end in (0, -1))
