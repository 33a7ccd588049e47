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
    assert truth["tumour_voxels_ml"] == pytest.approx(15, rel=0.02)
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
    "wrong", [{"orientation": "RAA"}, {"orientation": "XYZ"}, {"side": "up"}, {"pole": "north"}, {"tumour_ml": 0}]
)
def test_an_impossible_phantom_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        PhantomSpec(**wrong)  # type: ignore[arg-type]
