"""A mask as a DICOM segmentation: highdicom gives back every voxel at its place, and frames name their images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from segmentation.errors import ImageRefusal
from segmentation.exports.mask_object import KINDS, Drawn, Kind, mask_object, object_bytes
from segmentation.exports.region_codes import region_code
from segmentation.exports.source_series import read_source
from segmentation.images.reading import read_image
from segmentation.images.writing import crop_to_regions
from segmentation.types import Mask
from tests.dicom_readers import conforms
from tests.dicom_series import AXIAL, OBLIQUE, enhanced, planes, save, write_series

REGIONS = {"kidney": 1, "tumor": 5, "cyst": 3}
NUMBERED = {0: 0, 1: 1, 3: 2, 5: 3}  # segments in the order of their labels
Turn = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def scan(folder: Path, orientation: tuple[float, ...] = AXIAL) -> Path:
    """Six slices whose file names and instance numbers run against their places, at 0.75 x 0.5 x 2 mm."""
    return write_series(folder / "scan", planes(), orientation=orientation)


def drawn_on(folder: Path) -> Mask:
    """Labels on the grid that our reader finds, the first and the last plane empty."""
    image = read_image(folder)
    labels = np.random.default_rng(3).choice([0, 0, 1, 3, 5], size=image.array.shape).astype(np.uint8)
    labels[:, :, [0, -1]] = 0
    return Mask(labels, image.affine, REGIONS)


def read_back(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Segment numbers (planes, rows, columns) and the LPS affine of that order, by highdicom."""
    volume = hd.seg.segread(path).get_volume(combine_segments=True)
    return volume.array, volume.affine


def numbered(mask: Mask) -> np.ndarray:
    return np.vectorize(NUMBERED.get)(mask.labels).T


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_every_voxel_comes_back_at_its_place(kind: Kind, orientation: tuple[float, ...], tmp_path: Path) -> None:
    folder = scan(tmp_path, orientation)
    mask, path = drawn_on(folder), tmp_path / "seg.dcm"
    path.write_bytes(object_bytes(mask_object(mask, read_source(folder), Drawn(), kind)))
    found, affine = read_back(path)
    wanted = numbered(mask)
    places = [np.diag((-1.0, -1.0, 1.0, 1.0)) @ mask.affine @ (c, r, k, 1) for k, r, c in np.argwhere(wanted)]
    there = np.rint(np.linalg.inv(affine) @ np.array(places).T)[:3].astype(int)
    assert np.array_equal(found[tuple(there)], wanted[wanted > 0])
    assert np.count_nonzero(found) == np.count_nonzero(wanted)
    conforms(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_refers_to_the_image_it_was_drawn_on(kind: Kind, tmp_path: Path) -> None:
    folder = scan(tmp_path, OBLIQUE)
    places = {pydicom.dcmread(p).SOPInstanceUID: pydicom.dcmread(p).ImagePositionPatient for p in folder.iterdir()}
    made = mask_object(drawn_on(folder), read_source(folder), Drawn(), kind)
    assert made.NumberOfFrames >= 4
    for frame in made.PerFrameFunctionalGroupsSequence:
        named = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        np.testing.assert_allclose(
            np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float), np.array(places[named], float)
        )
    shared = made.SharedFunctionalGroupsSequence[0]
    assert [float(n) for n in shared.PixelMeasuresSequence[0].PixelSpacing] == [0.75, 0.5]


def flipped(labels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels with the second axis counted from its other end, as converters to NIfTI do."""
    moved = affine.copy()
    moved[:3, 1], moved[:3, 3] = -affine[:3, 1], affine[:3, 3] + affine[:3, 1] * (labels.shape[1] - 1)
    return labels[:, ::-1], moved


def swapped(labels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return labels.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]


@pytest.mark.parametrize("turn", [flipped, swapped])
@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_the_way_the_axes_of_a_mask_run_changes_nothing(
    turn: Turn, orientation: tuple[float, ...], tmp_path: Path
) -> None:
    folder = scan(tmp_path, orientation)
    mask, source = drawn_on(folder), read_source(scan(tmp_path, orientation))
    other = Mask(*turn(mask.labels, mask.affine), REGIONS)
    assert object_bytes(mask_object(other, source, Drawn())) == object_bytes(mask_object(mask, source, Drawn()))


def test_a_cropped_mask_is_put_back_at_its_place(tmp_path: Path) -> None:
    folder = scan(tmp_path)
    whole, source = drawn_on(folder), read_source(folder)
    part = crop_to_regions(whole)
    assert part.labels.shape != whole.labels.shape
    assert object_bytes(mask_object(part, source, Drawn())) == object_bytes(mask_object(whole, source, Drawn()))


def test_frames_of_one_file_are_named_by_their_number(tmp_path: Path) -> None:
    path = save(enhanced(planes()), tmp_path / "enhanced.dcm")
    mask, source = drawn_on(path), read_source(path)
    made, out = mask_object(mask, source, Drawn(), "labelmap"), tmp_path / "seg.dcm"
    out.write_bytes(object_bytes(made))
    found, _ = read_back(out)
    assert np.count_nonzero(found) == np.count_nonzero(mask.labels)
    for frame in made.PerFrameFunctionalGroupsSequence:
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        number = int(frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber)
        named = source.images[0].PerFrameFunctionalGroupsSequence[number - 1].PlanePositionSequence[0]
        np.testing.assert_allclose(place, np.array(named.ImagePositionPatient, float))


@pytest.mark.parametrize("what", ["shape", "place", "spacing"])
def test_a_mask_on_another_grid_is_refused(what: str, tmp_path: Path) -> None:
    folder = scan(tmp_path)
    mask, affine = drawn_on(folder), drawn_on(folder).affine.copy()
    labels = mask.labels[:, :, :-1] if what == "shape" else mask.labels
    if what == "place":
        affine[:3, 3] += (0, 0, 1.0)
    if what == "spacing":
        affine[:3, 2] *= 1.01
    with pytest.raises(ImageRefusal, match="does not lie on the series") as refused:
        mask_object(Mask(labels, affine, REGIONS), read_source(folder), Drawn())
    assert refused.value.code == "grid_mismatch"


def test_a_region_without_a_voxel_has_no_segment_and_an_empty_mask_is_refused(tmp_path: Path) -> None:
    folder = scan(tmp_path)
    mask, source = drawn_on(folder), read_source(folder)
    without = Mask(np.where(mask.labels == 3, 0, mask.labels), mask.affine, REGIONS)
    made = mask_object(without, source, Drawn())
    assert [(s.SegmentNumber, s.SegmentLabel) for s in made.SegmentSequence] == [(1, "kidney"), (2, "tumor")]
    with pytest.raises(ImageRefusal, match="none of its regions"):
        mask_object(Mask(np.zeros_like(mask.labels), mask.affine, REGIONS), source, Drawn())


def test_who_drew_it_and_when_is_said_and_no_clock_is_read(tmp_path: Path) -> None:
    folder = scan(tmp_path)
    mask, source = drawn_on(folder), read_source(folder)
    by_hand, by_network = (mask_object(mask, source, Drawn(name)) for name in ("", "unet_3d:0123456789ab"))
    assert {s.SegmentAlgorithmType for s in by_hand.SegmentSequence} == {"MANUAL"}
    assert {(s.SegmentAlgorithmType, s.SegmentAlgorithmName) for s in by_network.SegmentSequence} == {
        ("AUTOMATIC", "unet_3d")
    }
    assert str(by_hand.ContentDate) == "20240110"  # the series' date of acquisition
    assert by_hand.SOPInstanceUID != by_network.SOPInstanceUID
    assert "InstanceCreationDate" not in by_hand
    again = mask_object(mask, source, Drawn())
    assert object_bytes(again) == object_bytes(by_hand)


def test_a_series_without_a_date_needs_one(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", planes(), lambda _, data: data.__delattr__("AcquisitionDate"))
    mask, source = drawn_on(folder), read_source(folder)
    with pytest.raises(ImageRefusal, match="needs a date"):
        mask_object(mask, source, Drawn())
    assert str(mask_object(mask, source, Drawn(date="20240203")).ContentDate) == "20240203"


@pytest.mark.parametrize(
    ("name", "category", "kind", "organ"),
    [
        ("kidney", "91723000", "64033007", None),
        ("tumor", "49755003", "108369006", None),
        ("kidney_tumor", "49755003", "108369006", "64033007"),
        ("necrotic_core", "49755003", "49755003", None),
        ("graft", "85756007", "85756007", None),
    ],
)
def test_regions_have_published_codes_by_the_words_of_their_names(
    name: str, category: str, kind: str, organ: str | None
) -> None:
    code = region_code(name)
    assert (code.category.value, code.kind.value) == (category, kind)
    assert (code.organ.value if code.organ else None) == organ
