"""Many small regions, and how near features measured together must be to those measured one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import RadiomicsSettings
from segmentation.types import Mask, Volume

Pair = tuple[Volume, Mask]
Found = tuple[Mapping[str, float], Mapping[str, str]]

REGION = "tumor"
AFFINE = np.diag([1.5, 1.0, 2.0, 1.0])
# Sums of intensities are added in another order; everything else comes from the same counts by the same formulas.
SUMMED = ("stat_", "loc_", "morph_com", "morph_integ_int")


def pair(array: np.ndarray, inside: np.ndarray) -> Pair:
    """Image and mask with the region REGION, label 1."""
    return Volume(array.astype(np.float32), AFFINE), Mask(inside.astype(np.uint8), AFFINE, {REGION: 1})


def random_pair(rng: np.random.Generator, longest: int = 8, fraction: float = 0.6) -> Pair:
    """Noise in whole units, a region with holes and pieces; perhaps without a voxel."""
    shape = tuple(rng.integers(1, longest + 1, 3))
    return pair(rng.normal(0, 60, shape).round(), rng.random(shape) < fraction)


def odd_pairs() -> dict[str, Pair]:
    """Regions on which some families have nothing to say."""
    one = np.zeros((3, 4, 5))
    one[1, 2, 3] = 1
    ramp = np.arange(60.0).reshape(3, 4, 5)
    return {
        "no voxel": pair(ramp, np.zeros_like(one)),
        "one voxel": pair(ramp, one),
        "constant": pair(np.full((4, 4, 4), 7.0), np.ones((4, 4, 4))),
        "one slice": pair(ramp[:, :, :1], np.ones((3, 4, 1))),
        "one row": pair(ramp[:1, :1], np.ones((1, 1, 5))),
        "voxels apart": pair(ramp, np.indices(ramp.shape).sum(axis=0) % 3 == 0),
        "mean zero": pair(np.array([-1.0, 1.0, -2.0, 2.0]).reshape(1, 2, 2), np.ones((1, 2, 2))),
        "fractions": pair(np.random.default_rng(3).normal(size=(5, 4, 3)), np.ones((5, 4, 3))),
        "a wide and a narrow box": pair(np.tile(ramp, (4, 1, 1)), np.ones((12, 4, 5))),
    }


def one_by_one(settings: RadiomicsSettings, pairs: Sequence[Pair]) -> list[Found]:
    return [measure_with(settings, image, mask, REGION) for image, mask in pairs]


def check_equal(found: Found, expected: Found) -> None:
    """The same features for the same reasons missing; equal to the last bit unless they sum intensities."""
    (features, reasons), (wanted, why) = found, expected
    assert reasons == why
    assert features.keys() == wanted.keys()
    summed = [tag for tag in wanted if tag.startswith(SUMMED)]
    unequal = {
        tag: (features[tag], wanted[tag]) for tag in wanted if tag not in summed and features[tag] != wanted[tag]
    }
    assert not unequal
    # Skewness and the shift of the centre may be differences that cancel: near zero they agree absolutely.
    assert {tag: features[tag] for tag in summed} == pytest.approx(
        {tag: wanted[tag] for tag in summed}, rel=1e-9, abs=1e-9
    )
