"""The same patient looks the same on the screen, however the file stores the axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from segmentation.display import Plane, three_planes
from segmentation.errors import ImageRefusal
from segmentation.images.writing import crop_to_regions
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.types import Mask, Volume

# Voxels are cubes of 5 mm in every axis order, so that the same points of the patient are sampled.
SIZES = {"R": 34, "L": 34, "A": 30, "P": 30, "S": 34, "I": 34}


def _patient(orientation: str) -> tuple[Volume, Mask]:
    i, j, k = (SIZES[letter] for letter in orientation)
    spec = PhantomSpec(shape=(i, j, k), orientation=orientation, side="left", pole="upper", noise_hu=0)
    volume, mask, _ = phantom(np.random.default_rng(0), spec)
    return volume, crop_to_regions(mask)


def test_left_right_up_and_front_are_where_a_radiologist_looks_for_them() -> None:
    # One bright voxel to the patient's right, in front and above the labelled middle one.
    array, labels = np.zeros((5, 5, 5), dtype=np.int16), np.zeros((5, 5, 5), dtype=np.uint8)
    labels[2, 2, 2] = 1
    array[3, 2, 2], array[2, 4, 2], array[2, 2, 4] = 10, 20, 30
    image, mask = Volume(array, np.diag([1.0, 2, 3, 1])), Mask(labels, np.diag([1.0, 2, 3, 1]), {"a": 1})
    axial, coronal, sagittal = three_planes(mask, image)
    for plane in (axial, coronal, sagittal):
        assert plane.image is not None
        assert plane.labels[2, 2] == 1
    assert axial.image is not None and coronal.image is not None and sagittal.image is not None  # noqa: PT018
    assert axial.image[2, 1] == 10, "patient right is on the viewer's left"
    assert axial.image[0, 2] == 20, "anterior is up"
    assert coronal.image[2, 1] == 10
    assert coronal.image[0, 2] == 30, "superior is up"
    assert sagittal.image[2, 0] == 20, "anterior is on the viewer's left"
    assert sagittal.image[0, 2] == 30
    assert axial.letters == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert coronal.letters == {"left": "R", "right": "L", "top": "S", "bottom": "I"}
    assert sagittal.letters == {"left": "A", "right": "P", "top": "S", "bottom": "I"}
    assert [p.spacing_mm for p in (axial, coronal, sagittal)] == [(2.0, 1.0), (3.0, 1.0), (3.0, 2.0)]
    # the bright voxels' places in the patient, by hand: index times spacing
    assert (axial.to_patient @ [2, 1, 1]).tolist() == [3, 4, 6]
    assert (coronal.to_patient @ [0, 2, 1]).tolist() == [2, 4, 12]
    assert (sagittal.to_patient @ [2, 0, 1]).tolist() == [2, 8, 6]


@pytest.mark.parametrize("orientation", ["LPS", "PIR", "ILP", "SAL", "RSA"])
@pytest.mark.parametrize("with_image", [True, False])
def test_one_patient_one_display(orientation: str, with_image: bool) -> None:
    (volume, mask), (volume_ras, mask_ras) = _patient(orientation), _patient("RAS")
    expected = three_planes(mask_ras, volume_ras if with_image else None, region="tumor")
    for plane, same in zip(three_planes(mask, volume if with_image else None, region="tumor"), expected, strict=True):
        np.testing.assert_array_equal(plane.labels, same.labels)
        assert (plane.name, plane.letters, plane.index) == (same.name, same.letters, same.index)
        assert plane.spacing_mm == pytest.approx(same.spacing_mm)
        np.testing.assert_allclose(_place(plane, mask, volume), _place(same, mask_ras, volume_ras), atol=1e-3)
        if plane.image is not None and same.image is not None:
            np.testing.assert_array_equal(plane.image, same.image)
        assert (plane.image is None) is not with_image


def _place(plane: Plane, mask: Mask, volume: Volume) -> npt.NDArray[np.float64]:
    """Where the plane's tumour lies in the patient, from the middle of the file's grid on, RAS mm."""
    rows, cols = np.nonzero(plane.labels == mask.regions["tumor"])
    middle = (volume.affine @ [*((n - 1) / 2 for n in volume.array.shape), 1])[:3]
    return plane.to_patient @ [rows.mean(), cols.mean(), 1] - middle


def test_the_left_upper_tumour_is_shown_right_and_up() -> None:
    volume, mask = _patient("LPS")
    _, coronal, _ = three_planes(mask, volume, region="tumor")
    rows, cols = np.nonzero(coronal.labels == 2)
    assert cols.mean() > coronal.labels.shape[1] / 2
    assert rows.mean() < coronal.labels.shape[0] / 2


def test_an_unknown_region_and_another_grid_are_refused() -> None:
    volume, mask = _patient("RAS")
    with pytest.raises(ImageRefusal, match="Unknown region"):
        three_planes(mask, volume, region="cyst")
    shifted = volume.affine.copy()
    shifted[0, 3] += 1.7
    with pytest.raises(ImageRefusal, match="grid"):
        three_planes(mask, Volume(volume.array, shifted))


def test_an_absent_region_shows_the_middle() -> None:
    mask = Mask(np.ones((4, 6, 8), dtype=np.uint8), np.eye(4), {"a": 1, "b": 2})
    assert [plane.index for plane in three_planes(mask, region="b")] == [4, 3, 2]
