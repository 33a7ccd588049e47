"""Every reader on a self-made twin of its layout: recognised alone, read in full, and one bad case stops no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.datasets.layouts import LAYOUTS, read_dataset, recognise
from segmentation.datasets.mask_sources import DrawnOn, Pieces
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_header, read_mask
from segmentation.images.scans import read_scan
from segmentation.planning.rules import survey
from segmentation.types import Mask
from tests.layout_twins import COLOUR, TWINS, Twin, dicom, labels, picture, spot, volume


def _counts(mask: Mask) -> dict[int, int]:
    return {int(n): int((mask.labels == n).sum()) for n in np.unique(mask.labels[mask.labels > 0])}


def _code(act: Callable[[], object]) -> str:
    with pytest.raises(ImageRefusal) as refused:
        act()
    assert refused.value.next_step
    return refused.value.code


def _state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_twin_is_recognised_and_read(name: str, tmp_path: Path) -> None:
    twin: Twin = TWINS[name](tmp_path)
    before = _state(tmp_path)
    assert recognise(tmp_path) == [name]
    found = read_dataset(tmp_path)
    assert (found.layout, len(found.cases), found.patients) == (name, twin.cases, twin.patients)
    assert dict(found.regions) == twin.regions
    assert len(found.channels) == (twin.channels if twin.regions else 0)
    assert not found.refused
    assert set(found.split) <= {case.case_id for case in found.cases}
    names = [case.case_id for case in found.cases]
    assert len(set(names)) == len(names)
    for case in found.cases:
        scan = read_scan(case.images)
        assert len(scan) == twin.channels
        mask = read_mask(case.mask, found.regions or {"a": 1, "b": 2})
        assert mask.source is not None
        assert mask.source.shape == scan[0].grid.shape
        assert survey(case).labels == set(twin.counts)
    first = read_mask(found.cases[0].mask, found.regions or {"a": 1, "b": 2})
    assert _counts(first) == twin.counts
    assert _state(tmp_path) == before, "a data set is only read"


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_layout_says_no_to_every_others_folder_and_to_an_empty_one(name: str, tmp_path: Path) -> None:
    assert recognise(tmp_path) == []
    assert _code(lambda: read_dataset(tmp_path)) == "no_layout"
    assert _code(lambda: read_dataset(tmp_path, name)) == "no_layout"


def test_two_layouts_in_one_folder_are_refused_with_both_names(tmp_path: Path) -> None:
    TWINS["kits"](tmp_path)
    TWINS["lits"](tmp_path)
    with pytest.raises(ImageRefusal, match="several ways") as refused:
        read_dataset(tmp_path)
    assert refused.value.code == "several_layouts"
    assert refused.value.found == "kits, lits"
    assert read_dataset(tmp_path, "lits").layout == "lits"
    assert _code(lambda: read_dataset(tmp_path, "lit")) == "unknown_layout"


def test_a_missing_mask_and_two_masks_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    TWINS["folders"](tmp_path)
    picture(tmp_path / "images" / "c.png")
    picture(tmp_path / "masks" / "b.png", spot((1, 1)))
    picture(tmp_path / "masks" / "d.png", spot((1, 1)))
    found = read_dataset(tmp_path)
    assert [case.case_id for case in found.cases] == ["a"]
    assert {name: error.code for name, error in found.refused.items()} == {
        "b": "two_masks", "c": "missing_mask", "d": "missing_image",
    }  # fmt: skip
    assert "b.png, b_mask.png" in found.refused["b"].found


def test_a_case_that_lacks_a_part_is_named_in_folders_of_cases(tmp_path: Path) -> None:
    for name, lost, code in (
        ("brats", "BraTS-GLI-00002-000/BraTS-GLI-00002-000-t1c.nii.gz", "missing_image"),
        ("kits", "dataset/case_00001/imaging.nii.gz", "missing_image"),
        ("lgg", "TCGA-DU-5849/mask.nii.gz", "missing_mask"),
        ("decathlon", "labelsTr/b.nii.gz", "missing_mask"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        twin = TWINS[name](folder)
        (folder / lost).unlink()
        found = read_dataset(folder)
        assert len(found.cases) == twin.cases - 1
        assert [error.code for error in found.refused.values()] == [code], name


def test_a_mask_of_another_size_or_turn_does_not_fit_its_image(tmp_path: Path) -> None:
    TWINS["isic"](tmp_path)
    (path,) = tmp_path.glob("*Training_Input/*.jpg")
    (mask,) = tmp_path.glob("*Training_GroundTruth/*.png")
    first, other = sorted(read_dataset(tmp_path).cases, key=lambda case: case.case_id)
    picture(mask, spot((1, 1))[:-1])
    assert _code(lambda: survey(first)) == "grid_mismatch"
    picture(mask, spot((1, 1)))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down: same size, another place
    Image.fromarray(COLOUR).save(path, exif=exif)
    assert _code(lambda: survey(first)) == "grid_mismatch"
    Image.fromarray(spot((1, 1))).save(mask, exif=exif)
    assert survey(first).labels == {1}
    assert survey(other).labels == {1}


def test_nuclei_are_counted_one_by_one_and_the_first_keeps_its_pixels(tmp_path: Path) -> None:
    TWINS["dsb2018"](tmp_path)
    (case, _) = read_dataset(tmp_path).cases
    assert isinstance(case.mask, Pieces)
    numbered, grid = case.mask.instances()
    assert grid.shape == numbered.shape == (9, 8, 1)
    expected = np.zeros((8, 9), dtype=int)
    expected[0, 0] = expected[0, 1] = 1  # the second nucleus has this pixel too
    expected[5, 5] = 2
    np.testing.assert_array_equal(numbered[:, :, 0].T, expected)
    picture(case.mask.folder / "3.png", spot()[:-1])
    assert _code(lambda: read_mask(case.mask, {"nucleus": 1})) == "grid_mismatch"
    for path in case.mask.folder.iterdir():
        path.unlink()
    assert _code(lambda: read_mask(case.mask, {"nucleus": 1})) == "no_masks"


def test_a_mask_takes_the_pixel_size_of_its_picture(tmp_path: Path) -> None:
    TWINS["hc18"](tmp_path)
    first = read_dataset(tmp_path).cases[0]
    assert read_mask(first.mask, {"head": 1}).grid.spacing_mm[:2] == pytest.approx((0.1, 0.1))
    image = tmp_path / "sized.tif"
    Image.fromarray(COLOUR).save(image, resolution=50, resolution_unit="cm")
    mask = DrawnOn(picture(tmp_path / "mask.png", spot((1, 1))), image)
    assert mask.read({"a": 1}).grid.spacing_mm[:2] == pytest.approx((0.2, 0.2))


def test_nodules_without_masks_are_balls_of_the_listed_place_and_size(tmp_path: Path) -> None:
    TWINS["luna16"](tmp_path)
    for path in (tmp_path / "seg-lungs-LUNA16").iterdir():
        path.unlink()
    (tmp_path / "seg-lungs-LUNA16").rmdir()
    found = read_dataset(tmp_path)
    assert "balls" in found.notes[0]
    mask = read_mask(found.cases[0].mask, found.regions)
    # Origin (-5, 10, 100), spacing 1, 1, 2: the middle is voxel (2, 2, 2); 1.1 mm reaches its neighbours in the plane.
    place = tuple(int(n) for n in np.array(mask.offset) + (np.array(mask.labels.shape) - 1) / 2)
    assert place == (2, 2, 2)
    assert _counts(mask) == {1: 5}
    assert mask.labels.shape == (3, 3, 1)
    assert _counts(read_mask(found.cases[1].mask, found.regions)) == {}
    (tmp_path / "annotations.csv").write_text("seriesuid,x\n1,2\n")
    assert _code(lambda: read_dataset(tmp_path)) == "bad_annotations"


def test_brats_has_its_scored_regions_in_both_conventions(tmp_path: Path) -> None:
    TWINS["brats"](tmp_path / "new")
    assert dict(read_dataset(tmp_path / "new").unions) == {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}
    at = tmp_path / "old" / "HGG" / "Brats18_2013_2_1"
    for ending in ("flair", "t1", "t1ce", "t2"):
        volume(at / f"{at.name}_{ending}.nii.gz")
    labels(at / f"{at.name}_seg.nii.gz", 1, 2, 4)
    old = read_dataset(tmp_path / "old")
    assert dict(old.unions) == {"WT": (1, 2, 4), "TC": (1, 4), "ET": (4,)}
    assert [path.name.rpartition("_")[2] for path in old.cases[0].images] == [
        "flair.nii.gz", "t1.nii.gz", "t1ce.nii.gz", "t2.nii.gz",
    ]  # fmt: skip


def test_channels_as_numbered_files_are_one_case(tmp_path: Path) -> None:
    for number in range(2):
        volume(tmp_path / "imagesTr" / f"liver_001_{number:04d}.nii.gz", number)
        volume(tmp_path / "imagesTr" / f"lost_{number:04d}.nii.gz", number)
    labels(tmp_path / "labelsTr" / "liver_001.nii.gz", 1, 2)
    about = '{"channel_names": {"0": "T2", "1": "ADC"}, "labels": {"background": 0, "PZ": 1, "TZ": 2}}'
    (tmp_path / "dataset.json").write_text(about)
    found = read_dataset(tmp_path)
    assert [path.name for path in found.cases[0].images] == ["liver_001_0000.nii.gz", "liver_001_0001.nii.gz"]
    assert (dict(found.regions), found.channels, found.ct) == ({"pz": 1, "tz": 2}, ("t2", "adc"), False)
    assert set(found.refused) == {"lost_0000", "lost_0001"}
    assert survey(found.cases[0]).channels == 2


def test_a_dicom_series_lies_in_space_and_a_lost_slice_is_refused(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (4, 3, 5))
    folder = dicom(tmp_path / "series", array, "1")
    (one,) = read_scan([folder])
    np.testing.assert_array_equal(one.array, array.T)
    assert one.grid.spacing_mm == (0.5, 0.5, 2.0)
    assert one.grid.orientation == "LPS"
    assert read_header(folder).grid.shape == (5, 3, 4)
    lost = dicom(tmp_path / "lost", array, "2")
    (lost / "image_2").unlink()
    assert _code(lambda: read_header(lost)) == "missing_slices"
    dicom(tmp_path / "both", array, "3")
    for path in dicom(tmp_path / "other", array, "4").iterdir():
        path.rename(tmp_path / "both" / f"other_{path.name}")
    assert _code(lambda: read_header(tmp_path / "both")) == "several_series"
