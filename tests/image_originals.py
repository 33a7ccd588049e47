"""Sound files of each image format, to be spoiled."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.dicom_series import ORIGIN, enhanced, jpeg_2000, planes, save, slice_of, with_stream


def originals(folder: Path) -> dict[str, list[Path]]:
    """By format, the files written into a folder. Each look at a compressed one starts a child process."""
    plane = planes(1)[0]
    dicom = [save(slice_of(plane, ORIGIN), folder / "explicit.dcm"), save(enhanced(planes(5)), folder / "enhanced.dcm")]
    for name, syntax, pixels in (
        ("implicit", ImplicitVRLittleEndian, plane),
        ("big", ExplicitVRBigEndian, plane.byteswap()),
        ("deflated", DeflatedExplicitVRLittleEndian, plane),
    ):
        dicom.append(save(slice_of(pixels, ORIGIN), folder / f"{name}.dcm", syntax))
    nifti = [_nifti(folder / "one.nii", nib.Nifti1Image), _nifti(folder / "two.nii", nib.Nifti2Image)]
    nifti.append(_nifti(folder / "zipped.nii.gz", nib.Nifti1Image))
    return {"DICOM": dicom, "NIfTI": nifti, "compressed DICOM": _compressed(folder)}


def _compressed(folder: Path) -> list[Path]:
    wide, files = planes(1, 32, 24)[0], []
    for syntax, name in ((RLELossless, "rle"), (JPEGLSLossless, "jls"), (JPEG2000Lossless, "j2k")):
        data = slice_of(wide, ORIGIN)
        data.ensure_file_meta()
        if syntax == JPEG2000Lossless:
            with_stream(data, [jpeg_2000(wide)])
        else:
            data.compress(syntax, wide, generate_instance_uid=False)
        files.append(save(data, folder / f"{name}.dcm", syntax))
    return files


def _nifti(path: Path, kind: type) -> Path:
    array = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    image = kind(array, np.diag([1.0, 1.5, 2.0, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path
