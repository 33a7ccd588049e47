"""Readers of DICOM that share nothing with the program: DCMTK's commands, SimpleITK."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk


def dcmtk(tool: str, *words: object) -> str:
    """What a command of DCMTK answers, with its complaints; fails the test where it ends in an error."""
    if shutil.which(tool) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{tool} is missing: the package dcmtk must be installed where CI is set")
        pytest.skip(f"{tool} is not installed (Debian package dcmtk): no independent reader")
    done = subprocess.run([tool, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def conforms(path: Path) -> None:
    """DCMTK calls the file DICOM and reads every element without a word of warning."""
    assert dcmtk("dcmftest", path).startswith("yes")
    read = dcmtk("dcmdump", "--quiet", path)
    assert not [line for line in read.splitlines() if line.startswith(("W:", "E:"))]


def report_text(path: Path) -> str:
    """A structured report as DCMTK prints it, accepted without an error and without a warning about its content."""
    text = dcmtk("dsrdump", "--print-all-codes", "--print-long-values", path)
    complaints = [line for line in text.splitlines() if line.startswith(("E:", "W:"))]
    assert not [line for line in complaints if "Specific Character Set" not in line]  # UTF-8 it cannot check
    return text


def itk_series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (I, J, K) and the RAS affine of a series, as SimpleITK reads them."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    return itk_image(sitk.ReadImage(names))


def itk_image(image: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (I, J, K) and the RAS affine of an image."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine
