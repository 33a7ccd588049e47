"""`segmentation radiomics` prints one JSON document, or a refusal with exit code 3."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.radiomics import measure
from segmentation.writing import write_image, write_mask


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    volume, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(24, 24, 16)))
    write_image(volume, tmp_path / "ct.nii.gz")
    write_mask(mask, tmp_path / "mask.nii.gz")
    return tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz"


def test_one_region_is_printed_by_tag(files: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["radiomics", *map(str, files), "--region", "tumor=2", "--json"])
    assert result.exit_code == 0, result.output
    volume, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(24, 24, 16)))
    assert json.loads(result.stdout) == {"features": measure(mask, "tumor", volume)[0]}


def test_several_regions_carry_their_names(files: tuple[Path, Path]) -> None:
    arguments = ["radiomics", *map(str, files), "--region", "tumor=2", "--region", "kidney=1"]
    result = CliRunner().invoke(app, arguments)
    assert "kidney.morph_volume\t" in result.stdout
    assert "tumor.stat_mean\t" in result.stdout


def test_a_refused_file_ends_with_3_and_a_wrong_option_with_2(files: tuple[Path, Path]) -> None:
    image, mask = files
    image.write_bytes(image.read_bytes()[:200])
    refused = CliRunner().invoke(app, ["radiomics", str(image), str(mask), "--region", "tumor=2", "--json"])
    assert refused.exit_code == 3
    assert refused.stdout == ""
    assert CliRunner().invoke(app, ["radiomics", str(image), str(mask), "--region", "tumor"]).exit_code == 2
