"""A NIfTI file written anew has the same numbers at the same places, and a header in which nothing else stands."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segmentation.deidentification.nifti import nifti_file
from segmentation.images.reading import read_image

FREE = ("descrip", "aux_file", "intent_name", "intent_code", "intent_p1", "db_name", "data_type", "cal_max", "toffset",
        "slice_code", "glmax", "session_error")  # fmt: skip


def written(path: Path, kind: str, order: str = "<") -> Path:
    array = np.random.default_rng(0).integers(0, 100, (4, 5, 6)).astype(kind)
    affine = np.array([[0, 1.5, 0, 3], [-2, 0, 0, 4], [0, 0, 2.5, -7.125], [0, 0, 0, 1]])
    image = nib.Nifti1Image(array, affine, nib.Nifti1Header(endianness=order))
    image.header["descrip"], image.header["aux_file"], image.header["db_name"] = b"Ollerenshaw", b"Ollerens", b"Oller"
    image.header["intent_name"], image.header["cal_max"], image.header["toffset"] = b"Ollerenshaw", 7, 1634653000
    image.header["scl_slope"], image.header["scl_inter"] = (2, -5) if kind == "int16" else (1, 0)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Ollerenshaw"))
    image.to_filename(path)
    return path


@pytest.mark.parametrize(("kind", "order", "name"), [("int16", "<", "a.nii"), ("uint8", "<", "a.nii.gz"),
                                                     ("float32", ">", "a.nii.gz")])  # fmt: skip
def test_numbers_and_places_stay_and_words_go(kind: str, order: str, name: str, tmp_path: Path) -> None:
    source = written(tmp_path / name, kind, order)
    assert b"Oller" in (gzip.decompress(source.read_bytes()) if name.endswith(".gz") else source.read_bytes())
    data = nifti_file(source)
    (tmp_path / "made.nii.gz").write_bytes(data)
    before, after = read_image(source), read_image(tmp_path / "made.nii.gz")
    assert before.array.dtype == after.array.dtype
    assert np.array_equal(before.array, after.array)
    assert np.array_equal(before.affine, after.affine)
    made, empty = nib.load(tmp_path / "made.nii.gz"), nib.Nifti1Header()
    assert all(np.array_equal(made.header[field], empty[field]) for field in FREE)
    assert len(made.header.extensions) == 0
    assert b"Oller" not in gzip.decompress(data)


def test_gzip_itself_says_neither_name_nor_time(tmp_path: Path) -> None:
    data = nifti_file(written(tmp_path / "Ollerenshaw.nii.gz", "uint8"))
    assert data[3:8] == bytes(5)  # flags (no name, no comment) and time, RFC 1952
