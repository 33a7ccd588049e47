"""`differences` names the rule that was planted; `segmentation radiomics-diff` and `--profile` print it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.writing import write_image, write_mask
from segmentation.radiomics.pyradiomics import measure_as_pyradiomics
from segmentation.radiomics.pyradiomics.differences import Difference, differences
from segmentation.radiomics.pyradiomics.names import NAMES, counterparts
from segmentation.radiomics.pyradiomics.rules import RULES, applicable
from segmentation.radiomics.settings import RadiomicsSettings, parse_settings
from segmentation.types import Mask, Volume

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def _case(lowest: float = 0.0) -> tuple[Volume, Mask]:
    """A full block, so that meshes agree, whose lowest intensity is known; fractions; oblong voxels."""
    array = np.random.default_rng(0).uniform(lowest, lowest + 130, (9, 8, 7))
    array[2, 2, 2] = lowest
    labels = np.zeros((9, 8, 7), dtype=np.uint8)
    labels[2:7, 2:6, 2:5] = 1
    return Volume(np.asfortranarray(array), AFFINE), Mask(np.asfortranarray(labels), AFFINE, {"region": 1})


def _found(lowest: float = 0.0, **settings: Any) -> dict[str, Difference]:
    found = differences(*_case(lowest), "region", parse_settings(settings))
    return {each.tag: each for each in found}


def test_where_the_lowest_intensity_is_a_multiple_of_25_few_rules_are_left() -> None:
    found = _found(-50.0)
    assert {each.verdict for each in found.values()} == {"agrees", "kurtosis", "covariance", "aggregation"}
    assert {tag for tag, each in found.items() if each.verdict == "kurtosis"} == {"stat_kurt"}
    assert found["morph_pca_maj_axis"].ratio == pytest.approx(np.sqrt(59 / 60), rel=1e-12)  # 5 x 4 x 3 voxels
    assert all(each.ratio == pytest.approx(1, rel=1e-6) for each in found.values() if each.verdict == "agrees")


@pytest.mark.parametrize(
    ("lowest", "settings", "tag", "verdict"),
    [
        (-40.0, {}, "szm_sze_3D", "bins"),
        (-50.0, {"discretisation": {"method": "fixed_bin_number", "value": 8}}, "ih_entropy", "bins"),
        (-40.0, {}, "rlm_sre_3D_comb", "bins + aggregation"),
        (0.0, {"grid": {"spacing_mm": [1, 1, 1]}}, "stat_mean", "grid"),
        (0.0, {"grid": {"spacing_mm": [1, 1, 1]}}, "stat_kurt", "kurtosis + grid"),
        (0.0, {"interpolation": {"round_intensities": True}}, "stat_mean", "rounding"),
        (0.0, {"resegmentation": {"range": [0, 100]}}, "stat_max", "resegmentation"),
        (0.0, {"texture": {"ngldm_coarseness": 1}}, "ngl_lde_3D", "neighbours"),
        (0.0, {"texture": {"distance": 2}}, "cm_contrast_3D_avg", "neighbours"),
    ],
)
def test_the_rule_that_was_planted_is_named(lowest: float, settings: dict[str, Any], tag: str, verdict: str) -> None:
    found = _found(lowest, **settings)
    assert found[tag].verdict == verdict
    assert "unexplained" not in {each.verdict for each in found.values()}


def test_both_values_are_those_of_the_two_profiles() -> None:
    image, mask = _case(-40.0)
    peer, _ = measure_as_pyradiomics(image, mask, "region")
    found = _found(-40.0)
    assert {tag: each.name for tag, each in found.items()} == dict(counterparts())
    assert all(each.pyradiomics == peer[each.name] for each in found.values())


def test_a_value_that_one_side_lacks_has_its_reason() -> None:
    image, mask = _case()
    labels = np.zeros_like(mask.labels)
    labels[2:6, 2, 2] = 1
    found = {each.tag: each for each in differences(image, Mask(labels, AFFINE, {"region": 1}), "region")}
    assert found["stat_mean"].verdict == "missing"
    assert "refuses" in found["stat_mean"].reason
    assert found["stat_mean"].ratio is None


def test_rules_that_cannot_matter_are_not_tried() -> None:
    assert applicable(RadiomicsSettings()) == ["bins", "kurtosis", "mesh", "covariance", "aggregation", "conventions"]
    everything = parse_settings(
        {
            "grid": {"spacing_mm": [1, 1, 1]},
            "interpolation": {"round_intensities": True},
            "resegmentation": {"outliers_sigma": 3},
            "texture": {"distance": 2},
        }
    )
    assert applicable(everything) == list(RULES)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    image, mask = _case(-40.0)
    write_image(image, tmp_path / "ct.nii.gz")
    write_mask(mask, tmp_path / "mask.nii.gz")
    return [str(tmp_path / "ct.nii.gz"), str(tmp_path / "mask.nii.gz")]


def test_the_command_prints_values_ratio_and_rules(files: list[str]) -> None:
    result = CliRunner().invoke(app, ["radiomics-diff", *files, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    kurtosis = document["features"]["stat_kurt"]
    assert (kurtosis["verdict"], kurtosis["rules"]) == ("kurtosis", ["kurtosis"])
    assert kurtosis["pyradiomics"] == pytest.approx(kurtosis["ibsi"] + 3)
    assert document["rules"]["kurtosis"] == RULES["kurtosis"]
    assert sum(document["verdicts"].values()) == len(document["features"]) == len(counterparts())
    lines = CliRunner().invoke(app, ["radiomics-diff", *files, "--region", "tumor=1"]).stdout.splitlines()
    assert len(lines) == len(counterparts()) + 1
    assert any(line.startswith("stat_kurt\t") and line.endswith("\tkurtosis") for line in lines)


def test_the_profile_is_replayed_by_the_command(files: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["radiomics", *files, "--profile", "pyradiomics", "--json"])
    assert result.exit_code == 0, result.output
    assert tuple(json.loads(result.stdout)["features"]) == NAMES
    ibsi = CliRunner().invoke(app, ["radiomics", *files, "--profile", "ibsi", "--json"])
    assert "cm_contrast_3D_avg" in json.loads(ibsi.stdout)["features"]
    (tmp_path / "how.yaml").write_text("families: [shape]\n")
    both = ["radiomics", *files, "--profile", "pyradiomics", "--settings", str(tmp_path / "how.yaml")]
    assert CliRunner().invoke(app, both).exit_code == 2
