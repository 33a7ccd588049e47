"""Where a lesion lies in its organ: boxes whose answers are counted by hand, phantoms whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.writing import write_mask
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.radiomics.placement.catalogue import PLACEMENT_TAGS
from segmentation.radiomics.placement.measuring import NO_SPACING, ONE_ORGAN, placement_features
from segmentation.radiomics.placement.nephrometry import NO_SINUS, POINTS, Kidney, renal_points
from segmentation.radiomics.placement.scene import NO_LESION, NO_ORGAN, Placement
from segmentation.types import Mask

RNG = np.random.default_rng(1)
ASKED = Placement("tumor", "kidney")
REGIONS = {"kidney": 1, "tumor": 2}
Labels = npt.NDArray[np.uint8]


def _mask(labels: Labels, spacing: tuple[float, float, float] = (2, 2, 2)) -> Mask:
    return Mask(np.asfortranarray(labels), np.diag([*spacing, 1.0]), REGIONS)


def _block(shape: tuple[int, int, int] = (40, 40, 60)) -> Labels:
    """An organ of 20 x 16 x 40 voxels in a larger field."""
    labels = np.zeros(shape, dtype=np.uint8)
    labels[5:25, 10:26, 10:50] = 1
    return labels


def test_a_lesion_on_the_organ_is_outside_and_touches_with_one_face() -> None:
    labels = _block()
    labels[25:35, 12:22, 40:50] = 2  # a cube of 10 voxels whose left face lies on the organ
    found, missing = placement_features(_mask(labels), ASKED)
    assert found["place_exophytic"] == 1
    assert found["place_depth"] == 0
    assert found["place_contact_share"] == pytest.approx(1 / 6)
    assert found["place_contact_area"] == pytest.approx(400, rel=0.1)  # one face of 20 mm x 20 mm
    # the organ's voxel centres run from 10 to 49: its middle is 29.5, half its length 19.5; the cube's centre is 44.5
    assert found["place_along"] == pytest.approx((44.5 - 29.5) / 19.5)
    assert found["place_anterior"] == pytest.approx(2 * (16.5 - 17.5))
    across = 2 * np.array([29.5 - 14.5, 16.5 - 17.5, 44.5 - 29.5])
    assert found["place_centrality"] == pytest.approx(np.linalg.norm(across) / (3 * 8000 / (4 * np.pi)) ** (1 / 3))
    assert missing == {
        "place_lateral": ONE_ORGAN,
        **{tag: NO_SINUS for tag in PLACEMENT_TAGS if tag == "place_sinus" or tag.startswith("renal_")},
    }


def test_a_lesion_within_the_organ_is_covered_by_it() -> None:
    labels = _block()
    labels[12:18, 14:20, 20:26] = 2
    found, _ = placement_features(_mask(labels), ASKED)
    assert found["place_exophytic"] == 0
    assert found["place_contact_share"] == 1
    assert found["place_depth"] == pytest.approx(16)  # eight voxels of 2 mm to the nearest voxel outside
    assert found["place_along"] < 0
    assert found["place_polar"] == -found["place_along"]


def test_half_outside_is_half() -> None:
    labels = _block()
    labels[20:30, 12:22, 20:30] = 2
    found, _ = placement_features(_mask(labels), ASKED)
    assert found["place_exophytic"] == pytest.approx(0.5)
    assert found["place_contact_share"] == pytest.approx((1 + 4 * 0.5) / 6)


def test_the_hollow_deep_in_the_organ_is_its_sinus() -> None:
    labels = _block()
    labels[5:15, 14:22, 20:40] = 0  # open to the left, ten voxels deep
    labels[20:25, 10:16, 44:50] = 2
    found, missing = placement_features(_mask(labels), ASKED)
    assert set(missing) == {"place_lateral"}
    # the nearest corner of the hollow is voxel (14, 14, 39), of the lesion (20, 14, 44)
    assert found["place_sinus"] == pytest.approx(2 * np.sqrt(6**2 + 0 + 5**2))
    assert found["renal_location"] == 1  # above the hollow
    assert found["renal_score"] == sum(found[tag] for tag in POINTS[:4])


def test_the_largest_lesion_is_measured_in_the_organ_that_it_touches() -> None:
    labels = np.zeros((80, 40, 60), dtype=np.uint8)
    labels[:40], labels[40:] = _block(), _block()
    labels[25:31, 14:20, 20:26] = 2  # on the first organ, towards the second
    alone, _ = placement_features(_mask(labels), ASKED)
    assert alone["place_lateral"] < 0
    labels[66:75, 12:22, 40:50] = 2  # a larger one, not touching, beside the second
    both, _ = placement_features(_mask(labels), ASKED)
    assert both["place_contact_share"] == 0
    assert both["place_lateral"] > 0
    assert both["place_along"] > 0 > alone["place_along"]


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flipped", [(), (0,), (1, 2)])
def test_the_order_in_which_a_file_keeps_its_voxels_changes_nothing(
    axes: tuple[int, int, int], flipped: tuple[int, ...]
) -> None:
    _, mask, _ = phantom(RNG, PhantomSpec(shape=(48, 44, 40), exophytic=0.5, pole="upper", irregularity=0.6))
    expected, _ = placement_features(mask, ASKED)
    affine = mask.affine.copy()
    affine[:3, :3] = affine[:3, list(axes)]
    labels = mask.labels.transpose(axes)
    for axis in flipped:
        affine[:3, 3] += affine[:3, axis] * (labels.shape[axis] - 1)
        affine[:3, axis] *= -1
        labels = np.flip(labels, axis)
    found, _ = placement_features(Mask(np.asfortranarray(labels), affine, mask.regions), ASKED)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_phantom_s_tumour_lies_where_it_was_put(side: str) -> None:
    spec = PhantomSpec(shape=(96, 80, 84), side=side, tumour_ml=8.0)
    depths = [placement_features(phantom(RNG, replace(spec, exophytic=e))[1], ASKED)[0] for e in (-0.5, 0.2, 0.9)]
    lateral = [found["place_lateral"] for found in depths]
    assert lateral == sorted(lateral)
    assert lateral[0] < 0 < lateral[2]
    assert depths[2]["place_exophytic"] > depths[1]["place_exophytic"] + 0.1
    heights = [
        placement_features(phantom(RNG, replace(spec, pole=pole))[1], ASKED)[0] for pole in ("lower", "middle", "upper")
    ]
    assert [round(found["place_along"], 1) for found in heights] == pytest.approx([-0.6, 0, 0.6], abs=0.15)


def test_fine_voxels_are_left_out_and_a_tiny_lesion_is_not_lost() -> None:
    fine = phantom(RNG, PhantomSpec(shape=(190, 160, 170), tumour_ml=10.0))[1]  # 1 mm
    coarse = phantom(RNG, PhantomSpec(shape=(95, 80, 85), tumour_ml=10.0))[1]
    one, _ = placement_features(fine, ASKED)
    other, _ = placement_features(coarse, ASKED)
    for tag, tolerance in {
        "place_exophytic": 0.06,
        "place_lateral": 1.5,
        "place_depth": 3.0,
        "place_along": 0.05,
    }.items():
        assert one[tag] == pytest.approx(other[tag], abs=tolerance), tag
    labels = _block()
    labels[13, 17, 31] = 2
    found, _ = placement_features(_mask(labels, (1, 1, 1)), ASKED)
    assert found["place_exophytic"] == 0


def test_what_cannot_be_had_says_why() -> None:
    empty, lesion_alone = np.zeros((9, 9, 9), dtype=np.uint8), np.zeros((9, 9, 9), dtype=np.uint8)
    lesion_alone[2:4, 2:4, 2:4] = 2
    assert placement_features(_mask(empty), ASKED) == ({}, dict.fromkeys(PLACEMENT_TAGS, NO_LESION))
    assert placement_features(_mask(lesion_alone), ASKED) == ({}, dict.fromkeys(PLACEMENT_TAGS, NO_ORGAN))
    assert placement_features(_mask(_block()), ASKED, units_mm=False)[1] == dict.fromkeys(PLACEMENT_TAGS, NO_SPACING)


@pytest.mark.parametrize(
    ("kidney", "points"),
    [
        (Kidney(40, 0.5, 7, np.array([0.7, 0.9]), np.array([-0.4, 0.4])), (1, 1, 1, 1)),
        (Kidney(40.1, 0.49, 6.9, np.array([0.3, 0.5, 0.6]), np.array([-0.4, 0.4])), (2, 2, 2, 2)),
        (Kidney(69.9, 0.06, 4.1, np.array([0.2, 0.3, 0.6]), np.array([-0.4, 0.4])), (2, 2, 2, 3)),
        (Kidney(70, 0.05, 4, np.array([-0.1, 0.5, 0.6]), np.array([-0.4, 0.4])), (3, 3, 3, 3)),
    ],
)
def test_the_points_of_kutikov_and_uzzo(kidney: Kidney, points: tuple[int, ...]) -> None:
    assert tuple(renal_points(kidney).values()) == (*points, sum(points))


def test_the_command_prints_what_is_measured_and_refuses_two_regions_of_one_label(tmp_path: Path) -> None:
    labels = _block()
    labels[20:30, 12:22, 20:30] = 2
    path = tmp_path / "mask.nii.gz"
    write_mask(_mask(labels), path)
    asked = ["placement", str(path), "--lesion", "tumor=2", "--organ", "kidney=1"]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["features"] == placement_features(_mask(labels), ASKED)[0]
    assert document["missing"]["place_lateral"] == ONE_ORGAN
    assert CliRunner().invoke(app, [*asked[:-1], "kidney=2"]).exit_code == 2
    assert CliRunner().invoke(app, ["placement", str(tmp_path / "none.nii"), *asked[2:]]).exit_code == 3
