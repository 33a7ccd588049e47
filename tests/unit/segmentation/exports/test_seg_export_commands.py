"""`segmentation export-dicom` and `export-seg`: from NIfTI to DICOM and back, by the commands alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
from click.testing import Result
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.reading import read_image
from segmentation.images.writing import write_image, write_mask
from segmentation.types import Mask, Volume

LAS = np.array([[-1.5, 0, 0, 10], [0, 1.5, 0, -20], [0, 0, 4.0, 30], [0, 0, 0, 1]])  # as NIfTI files lie most often


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def scan(folder: Path) -> tuple[Path, Path, Mask]:
    """An image and its mask as NIfTI files."""
    numbers = np.random.default_rng(4).integers(-1000, 1000, (6, 5, 4)).astype(np.int16)
    mask = Mask((numbers > 0).astype(np.uint8) + (numbers > 900), LAS, {"kidney": 1, "tumor": 2})
    write_image(Volume(np.asfortranarray(numbers), LAS, "CT"), folder / "case_7.nii.gz")
    write_mask(mask, folder / "mask.nii.gz")
    return folder / "case_7.nii.gz", folder / "mask.nii.gz", mask


def test_a_file_becomes_a_series_and_its_mask_an_object_beside_it(tmp_path: Path) -> None:
    image, mask_file, mask = scan(tmp_path)
    first = call("export-dicom", image, "--out", tmp_path / "s", "--modality", "CT", "--date", "2024-02-03", "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.output)
    assert (told["slices"], told["largest_rounding"]) == (4, 0.0)
    assert np.array_equal(read_image(tmp_path / "s").array[:, :, ::-1], read_image(image).array)
    assert pydicom.dcmread(tmp_path / "s" / "0001.dcm").PatientID == "case_7"
    words = ["--region", "kidney=1", "--region", "tumor=2", "--out", tmp_path / "seg.dcm", "--kind", "labelmap"]
    second = call("export-seg", mask_file, "--series", tmp_path / "s", *words, "--json")
    assert second.exit_code == 0, second.output
    assert json.loads(second.output)["segments"] == ["kidney", "tumor"]
    made = pydicom.dcmread(tmp_path / "seg.dcm")
    found = {made.PerFrameFunctionalGroupsSequence[n].PlanePositionSequence[0].ImagePositionPatient[2]: frame
             for n, frame in enumerate(np.atleast_3d(made.pixel_array))}  # fmt: skip
    for k in range(4):
        assert np.array_equal(found[30 + 4.0 * k], mask.labels[:, :, k].T)


def test_what_cannot_be_handed_over_is_refused_with_a_code(tmp_path: Path) -> None:
    image, mask_file, _ = scan(tmp_path)
    assert call("export-dicom", image, "--out", tmp_path / "s", "--modality", "CT").exit_code == 0
    again = call("export-dicom", image, "--out", tmp_path / "s", "--modality", "CT")
    assert (again.exit_code, again.output.split(":")[0]) == (3, "not_empty")
    undated = call("export-seg", mask_file, "--series", tmp_path / "s", "--region", "kidney=1", "--out", tmp_path / "x")
    assert (undated.exit_code, undated.output.split(":")[0]) == (3, "no_date")
    assert not (tmp_path / "x").exists()
    assert call("export-dicom", image, "--out", tmp_path / "t", "--modality", "XA").exit_code == 2
    nowhere = call("export-seg", mask_file, "--series", tmp_path / "none", "--region", "a=1", "--out", tmp_path / "x")
    assert nowhere.exit_code == 2
