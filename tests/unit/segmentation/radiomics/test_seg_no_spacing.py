"""Where no voxel spacing was published: only what no stretching of the voxels could change is offered."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from segmentation.radiomics import EMPTY, NO_IMAGE, NO_SPACING, measure
from segmentation.radiomics.catalogue import CATALOGUE
from segmentation.types import Mask, Volume

STRETCHED = ((1, 1, 3), (0.5, 0.5, 6), (2, 0.7, 1.1))
WITHHELD = {feature.tag for feature in CATALOGUE if feature.needs_spacing}


def _phantom() -> tuple[np.ndarray, np.ndarray]:
    """A lopsided body with a separate piece, in 8-bit grey levels."""
    field = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((26, 24, 20)), 3)
    body = (field > 0.01).astype(np.uint8)
    grey = np.clip(90 + 900 * ndimage.gaussian_filter(field, 1), 1, 255).astype(np.uint8) // 8 * 8
    return body, grey


def _measured(
    body: np.ndarray, grey: np.ndarray, spacing: tuple[float, ...], *, units_mm: bool
) -> tuple[dict[str, float], dict[str, str]]:
    affine = np.diag([*spacing, 1.0])
    return measure(Mask(body, affine, {"a": 1}), "a", Volume(grey.astype(float), affine), units_mm=units_mm)


@pytest.mark.parametrize("spacing", STRETCHED)
def test_exactly_what_the_spacing_cannot_change_is_offered(spacing: tuple[float, ...]) -> None:
    body, grey = _phantom()
    offered, missing = _measured(body, grey, spacing, units_mm=False)
    cubes, _ = _measured(body, grey, (1, 1, 1), units_mm=True)
    truth, _ = _measured(body, grey, spacing, units_mm=True)
    same = {tag for tag, value in truth.items() if value == pytest.approx(cubes[tag], rel=1e-9)}
    assert set(offered) == same - {"stat_energy"}  # the spacing leaves it alone, the number of slices does not
    assert offered == pytest.approx({tag: truth[tag] for tag in offered}, rel=1e-9)
    assert missing == dict.fromkeys(WITHHELD, NO_SPACING)


def test_the_same_body_in_thrice_as_many_slices_keeps_what_is_offered() -> None:
    body, grey = _phantom()
    thick, _ = _measured(body, grey, (1, 1, 1), units_mm=False)
    thin, _ = _measured(np.repeat(body, 3, axis=2), np.repeat(grey, 3, axis=2), (1, 1, 1), units_mm=False)
    volumes = {tag for tag in thick if tag.startswith("morph_")}
    assert len(volumes) == 3
    for tag in thick:
        # A surface is rounded off by half a voxel, so that ratios of volumes move a little with the slices.
        tolerance = 0.05 if tag in volumes else 1e-9
        assert thin[tag] == pytest.approx(thick[tag], rel=tolerance), tag


def test_what_is_withheld_would_have_followed_the_slices() -> None:
    body, grey = _phantom()
    thick, _ = _measured(body, grey, (1, 1, 1), units_mm=True)
    thin, _ = _measured(np.repeat(body, 3, axis=2), np.repeat(grey, 3, axis=2), (1, 1, 1), units_mm=True)
    moved = {tag for tag in WITHHELD if abs(thin[tag] / thick[tag] - 1) > 0.1}
    assert {"morph_sphericity", "morph_pca_flatness", "morph_area_dens_aee", "stat_energy"} <= moved


def test_other_reasons_are_not_hidden() -> None:
    body, _ = _phantom()
    mask = Mask(body, np.eye(4), {"a": 1, "b": 2})
    _, missing = measure(mask, "a", None, units_mm=False)
    assert missing["stat_energy"] == NO_IMAGE
    assert missing["morph_sphericity"] == NO_SPACING
    assert set(measure(mask, "b", None, units_mm=False)[1].values()) == {EMPTY}
