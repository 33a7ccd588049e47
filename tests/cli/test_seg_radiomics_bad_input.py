"""`segmentation radiomics` on odd images and masks: a refusal that says what to do, or a reason for each feature."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from segmentation.cli import app

SHAPE = (20, 18, 12)
AFFINE = np.array([[-1.0, 0, 0, 50], [0, -1.0, 0, 40], [0, 0, 2.0, -10], [0, 0, 0, 1]])
WAYS = ("settings", "filed", "pyradiomics")
OPTIONS = {"filed": ["--region", "a=1"], "pyradiomics": ["--profile", "pyradiomics"]}


@dataclass
class Files:
    folder: Path

    def run(self, image: np.ndarray, mask: np.ndarray, way: str, *affines: np.ndarray) -> Result:
        """The command's answer; `affines` are the image's and the mask's, both AFFINE where not given."""
        of_image, of_mask = affines or (AFFINE, AFFINE)
        nib.save(nib.Nifti1Image(image, of_image), self.folder / "ct.nii.gz")
        nib.save(nib.Nifti1Image(mask, of_mask), self.folder / "mask.nii.gz")
        (self.folder / "how.yaml").write_text("interpolation: {round_intensities: true}\n")
        options = OPTIONS.get(way, ["--settings", str(self.folder / "how.yaml")])
        words = ["radiomics", str(self.folder / "ct.nii.gz"), str(self.folder / "mask.nii.gz"), *options, "--json"]
        return CliRunner().invoke(app, words)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def _image() -> np.ndarray:
    return np.rint(np.random.default_rng(0).normal(40, 30, SHAPE)).astype(np.float32)


def _mask() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[6:12, 5:11, 3:8] = 1
    return mask


def _features(result: Result) -> dict[str, float]:
    assert result.exit_code == 0, result.output
    features: dict[str, float] = json.loads(result.stdout)["features"]
    assert all(math.isfinite(value) for value in features.values())
    return features


def _turned(degrees: float) -> np.ndarray:
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    affine = AFFINE.copy()
    affine[:3, :3] = turn @ AFFINE[:3, :3]
    return affine


def _moved() -> np.ndarray:
    affine = AFFINE.copy()
    affine[1, 3] += 3.3
    return affine


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (_moved(), ("origin 3.300 mm apart", "corners up to 3.3 mm apart")),
        (AFFINE * [[1.1], [1.1], [1.1], [1]] + 0, ("spacing 1.1 x 1.1 x 2.2 against 1 x 1 x 2 mm", "origin")),
        (_turned(10), ("direction", "corners up to 4.4 mm apart")),
    ],
)
def test_another_grid_is_named_by_what_differs_and_by_how_much(
    files: Files, way: str, affine: np.ndarray, words: tuple[str, ...]
) -> None:
    result = files.run(_image(), _mask(), way, AFFINE, affine)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("grid_mismatch")
    assert all(word in result.stderr for word in (*words, "resample the mask"))


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_region_has_no_feature_and_the_reason_for_each(files: Files, way: str) -> None:
    result = files.run(_image(), np.zeros_like(_mask()), way)
    assert _features(result) == {}
    reasons = result.stderr.splitlines()
    assert len(reasons) >= 42
    assert all("the region has no voxel" in line for line in reasons)


def test_one_voxel_has_what_can_be_had(files: Files) -> None:
    mask = np.zeros_like(_mask())
    mask[8, 8, 5] = 1
    result = files.run(_image(), mask, "settings")
    features = _features(result)
    assert features["morph_vol_approx"] == 2.0
    assert features["stat_mean"] == features["stat_max"] == _image()[8, 8, 5]
    reasons = dict(line.split(": ", 1) for line in result.stderr.splitlines())
    assert "one voxel thick" in reasons["morph_pca_flatness"]
    assert "no voxel of the region has a neighbour" in reasons["cm_contrast_3D_avg"]
    assert "same intensity" in reasons["stat_skew"]
    assert "same intensity" in reasons["morph_moran_i"]
    assert "one intensity level" in reasons["ivh_v10"]
    assert features.keys().isdisjoint(reasons)
    peer = files.run(_image(), mask, "pyradiomics")
    assert _features(peer) == {}
    assert "PyRadiomics refuses it" in peer.stderr


def test_a_constant_region_is_missing_where_a_divisor_is_zero(files: Files) -> None:
    result = files.run(np.full(SHAPE, 7.0, dtype=np.float32), _mask(), "settings")
    features = _features(result)
    assert (features["stat_mean"], features["stat_var"], features["ih_entropy"]) == (7.0, 0.0, 0.0)
    reasons = dict(line.split(": ", 1) for line in result.stderr.splitlines())
    for tag in ("stat_kurt", "ih_skew", "cm_corr_3D_comb", "cm_info_corr1_3D_avg", "morph_geary_c", "ivh_v90"):
        assert tag in reasons
        assert tag not in features


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", [(8, 8, 5), (0, 0, 0)])
@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_holes_in_or_outside_the_region_are_refused(
    files: Files, way: str, place: tuple[int, ...], hole: float
) -> None:
    image = _image()
    image[place] = hole
    result = files.run(image, _mask(), way)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "1 NaN or infinite voxels" in result.stderr
    assert "fill the missing voxels" in result.stderr


def test_thick_slices_are_measured_in_mm_and_told_of(files: Files) -> None:
    thick = np.diag([0.8, 0.8, 5.0, 1.0])
    result = files.run(_image(), _mask(), "settings", thick, thick)
    assert _features(result)["morph_vol_approx"] == pytest.approx(180 * 0.8 * 0.8 * 5, rel=1e-6)
    assert "note: texture in space on voxels of 0.8 x 0.8 x 5 mm" in result.stderr
    assert "note" not in files.run(_image(), _mask(), "settings").stderr


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("affine", [np.diag([-1.0, -1.0, -2.0, 1.0]), _turned(25)], ids=["negative", "oblique"])
def test_negative_spacing_and_oblique_axes_measure_as_straight_ones(files: Files, way: str, affine: np.ndarray) -> None:
    straight = np.diag([1.0, 1.0, 2.0, 1.0])
    expected = _features(files.run(_image(), _mask(), way, straight, straight))
    assert _features(files.run(_image(), _mask(), way, affine, affine)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_a_sheared_image_and_a_mask_of_parts_are_refused_with_the_way_out(files: Files) -> None:
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.3
    result = files.run(_image(), _mask(), "settings", sheared, sheared)
    assert result.exit_code == 3
    assert "resample the series to a straight grid" in result.stderr
    result = files.run(_image(), _mask() * np.float32(0.5), "settings")
    assert result.exit_code == 3
    assert "threshold a probability map" in result.stderr


def test_a_filter_on_voxels_that_are_not_cubes_says_how_to_resample(files: Files) -> None:
    files.run(_image(), _mask(), "settings")
    how = files.folder / "filtered.yaml"
    words = ["radiomics", str(files.folder / "ct.nii.gz"), str(files.folder / "mask.nii.gz"), "--settings", str(how)]
    how.write_text("filter: {name: mean, support: 3}\nfamilies: [intensity]\n")
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 3
    assert "grid.spacing_mm" in refused.stderr
    how.write_text("filter: {name: mean, support: 3}\nfamilies: [intensity]\ngrid: {spacing_mm: [1, 1, 1]}\n")
    assert CliRunner().invoke(app, words).exit_code == 0


def test_a_settings_file_may_name_the_profile_but_not_another_than_the_option(files: Files) -> None:
    expected = _features(files.run(_image(), _mask(), "pyradiomics"))
    how = files.folder / "old.yaml"
    how.write_text("profile: pyradiomics\n")
    words = ["radiomics", str(files.folder / "ct.nii.gz"), str(files.folder / "mask.nii.gz"), "--settings", str(how)]
    assert _features(CliRunner().invoke(app, [*words, "--json"])) == expected
    assert CliRunner().invoke(app, [*words, "--profile", "ibsi"]).exit_code == 2


def test_a_feature_is_explained_by_its_tag_or_the_beginning_of_it() -> None:
    one = CliRunner().invoke(app, ["features", "stat_kurt", "--json"])
    (row,) = json.loads(one.stdout)["features"]
    assert (row["tag"], row["ibsi_code"], row["family"], row["unit"]) == ("stat_kurt", "IPH6", "intensity", "1")
    several = CliRunner().invoke(app, ["features", "cm_corr"]).stdout.splitlines()
    assert len(several) == 7
    assert all("NI2N" in line for line in several[1:])
    wrong = CliRunner().invoke(app, ["features", "stat_kurtt"])
    assert wrong.exit_code == 3
    assert "stat_kurt (the nearest tag)" in wrong.stderr
