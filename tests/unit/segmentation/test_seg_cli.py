"""`segmentation radiomics` prints one JSON document, or a refusal with exit code 3."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.radiomics import measure
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import read_settings
from segmentation.types import Mask, Volume


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


def test_settings_measure_all_labels_together_unless_a_region_is_named(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    how = tmp_path / "how.yaml"
    how.write_text("grid: {spacing_mm: [3, 3, 3]}\nfamilies: [shape, histogram]\n")
    volume, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(24, 24, 16)))
    together = Mask((mask.labels > 0).astype(np.uint8), mask.affine, {"region": 1})
    for options, where, region in (([], together, "region"), (["--region", "tumor=2"], mask, "tumor")):
        result = CliRunner().invoke(app, ["radiomics", *map(str, files), "--settings", str(how), *options, "--json"])
        assert result.exit_code == 0, result.output
        expected, _ = measure_with(read_settings(how), volume, where, region)
        assert json.loads(result.stdout)["features"] == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_had_is_told_with_its_reason(files: tuple[Path, Path], tmp_path: Path) -> None:
    how = tmp_path / "how.yaml"
    how.write_text("resegmentation: {range: [90000, 90001]}\nfamilies: [histogram]\n")
    result = CliRunner().invoke(app, ["radiomics", *map(str, files), "--settings", str(how), "--json"])
    assert json.loads(result.stdout) == {"features": {}}
    assert "ih_mean: no voxel of the region is left" in result.stderr


def test_wrong_settings_end_with_3_and_a_missing_file_or_region_with_2(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    how = tmp_path / "how.yaml"
    how.write_text("gird: {}\n")
    refused = CliRunner().invoke(app, ["radiomics", *map(str, files), "--settings", str(how), "--json"])
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "grid (the nearest key)" in refused.stderr
    absent = CliRunner().invoke(app, ["radiomics", *map(str, files), "--settings", str(tmp_path / "no.yaml")])
    assert absent.exit_code == 2
    assert CliRunner().invoke(app, ["radiomics", *map(str, files)]).exit_code == 2


@pytest.mark.parametrize("options", [["--region", "tumor=2"], ["--settings", "configs/ibsi/config_c.yaml"]])
def test_another_grid_is_refused_with_what_differs(
    files: tuple[Path, Path], options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    volume, _, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(24, 24, 16)))
    moved = volume.affine.copy()
    shift = 0.3 * volume.grid.spacing_mm[0]
    moved[:3, 3] += volume.grid.direction[:, 0] * shift
    write_image(Volume(volume.array, moved), files[0])
    result = CliRunner().invoke(app, ["radiomics", *map(str, files), *options, "--json"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "grid_mismatch" in result.stderr
    assert f"origin {shift:.3f} mm apart" in result.stderr


def test_an_empty_mask_has_no_features_and_the_reason(files: tuple[Path, Path]) -> None:
    _, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(24, 24, 16)))
    write_mask(Mask(np.zeros_like(mask.labels), mask.affine, {"a": 1}), files[1])
    how = Path(__file__).parents[3] / "configs" / "ibsi" / "config_c.yaml"
    result = CliRunner().invoke(app, ["radiomics", *map(str, files), "--settings", str(how), "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"features": {}})
    assert "morph_volume: the region has no voxel" in result.stderr
