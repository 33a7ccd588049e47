"""Real CT and MR of sarcomas as DICOM series: every voxel comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segmentation.exports.series import SeriesFacts, write_series
from segmentation.images.reading import read_image


@pytest.mark.real
@pytest.mark.parametrize(("name", "modality"), [("CT_image", "CT"), ("MR_T1_image", "MR")])
def test_a_sarcoma_comes_back_voxel_by_voxel(real_data: Path, tmp_path: Path, name: str, modality: str) -> None:
    for case in sorted((real_data / "sts").glob("STS_*")):
        image = read_image(case / f"{name}.nii.gz")
        write_series(image, tmp_path / case.name, SeriesFacts(modality, case.name, "20040102"))
        again = read_image(tmp_path / case.name)
        ours, theirs = (np.linalg.inv(one.affine) for one in (image, again))
        assert np.allclose(ours, theirs, atol=1e-4)
        assert np.array_equal(again.array, image.array), case.name
