"""Settings refuse what they do not know and name the key; the shipped files are the IBSI configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.radiomics.batched import measure_batch
from segmentation.radiomics.dictionary import all_tags_of
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.settings import ALL_FAMILIES, RadiomicsSettings, parse_settings, read_settings

IBSI = Path(__file__).parents[4] / "configs" / "ibsi"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"grd": {}}, "grd"),
        ({"grid": {"spacing": [1, 1, 1]}}, "grid.spacing"),
        ({"grid": {"by": "volume", "spacing_mm": [1, 1]}}, "3 numbers"),
        ({"grid": {"by": "slice", "spacing_mm": [1, 1, 1]}}, "2 numbers"),
        ({"grid": {"spacing_mm": [1, 1, 0]}}, "grid.spacing_mm.2"),
        ({"interpolation": {"image": "sinc"}}, "interpolation.image"),
        ({"resegmentation": {"range": [400, -500]}}, "low to high"),
        ({"resegmentation": {"outliers_sigma": -1}}, "outliers_sigma"),
        ({"discretisation": {"method": "fixed_bin_number", "value": 2.5}}, "whole number"),
        ({"discretisation": {"method": "fixed_bin_size"}}, "needs a value"),
        ({"discretisation": {"method": "none", "value": 3}}, "takes no value"),
        ({"volume_histogram": {"method": "as_is", "value": 3}}, "takes no value"),
        ({"texture": {"dimensions": ["4D"]}}, "texture.dimensions"),
        ({"families": ["shapes"]}, "families"),
        ({"profile": "own"}, "profile"),
        (["grid"], "mapping"),
    ],
)
def test_a_wrong_key_is_named(content: Any, named: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        parse_settings(content)
    assert refused.value.code == "bad_settings"
    assert named in str(refused.value)


def test_an_unknown_key_brings_the_nearest_one() -> None:
    with pytest.raises(ImageRefusal, match="resegmentation"):
        parse_settings({"resegmentations": {}})


def test_an_empty_file_is_the_defaults_and_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("")
    assert read_settings(path) == RadiomicsSettings()
    assert RadiomicsSettings().families == ALL_FAMILIES
    path.write_text("grid: [")
    with pytest.raises(ImageRefusal, match=r"a\.yaml"):
        read_settings(path)


def test_the_shipped_files_are_the_published_configurations() -> None:
    phantom, a, b, c, d, e = (
        read_settings(IBSI / f"{name}.yaml") for name in ("phantom", *(f"config_{x}" for x in "abcde"))
    )
    assert [s.grid.by for s in (a, b, c, d, e)] == ["slice", "slice", "volume", "volume", "volume"]
    assert [s.grid.spacing_mm for s in (a, b, c, d, e)] == [None, (2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert [s.interpolation.image for s in (b, c, d, e)] == ["linear", "linear", "linear", "cubic"]
    assert all(s.interpolation.round_intensities and s.interpolation.mask == "linear" for s in (b, c, d, e))
    ranges = [s.resegmentation.range for s in (a, b, c, d, e)]
    assert ranges == [(-500, 400), (-500, 400), (-1000, 400), None, (-1000, 400)]
    assert [s.resegmentation.outliers_sigma for s in (a, b, c, d, e)] == [None, None, None, 3, 3]
    bins = [(s.discretisation.method, s.discretisation.value) for s in (phantom, a, b, c, d, e)]
    size, number = ("fixed_bin_size", 25), ("fixed_bin_number", 32)
    assert bins == [("none", None), size, number, size, number, number]
    levels = [(s.volume_histogram.method, s.volume_histogram.value) for s in (a, b, c, d, e)]
    as_is = ("as_is", None)
    assert levels == [as_is, as_is, ("fixed_bin_size", 2.5), as_is, ("fixed_bin_number", 1000)]
    assert [s.texture.dimensions for s in (a, b)] == [("2D", "2.5D")] * 2
    assert [s.texture.dimensions for s in (c, d, e)] == [("3D",)] * 3
    assert phantom.texture.dimensions == ("2D", "2.5D", "3D")
    assert {s.families for s in (phantom, a, b, c, d, e)} == {ALL_FAMILIES}


def test_one_file_ends_in_each_letter_that_is_looked_for() -> None:
    for ending, name in (("phantom", "phantom"), ("a", "config_a"), ("c", "config_c"), ("e", "config_e")):
        assert [path.stem for path in IBSI.glob(f"*{ending}.y*ml")] == [name]


@pytest.mark.parametrize(("directions", "end"), [(("merged",), "_comb"), (("averaged",), "_avg")])
def test_one_way_of_treating_directions_is_that_part_of_both(directions: tuple[str, ...], end: str) -> None:
    volume, mask, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(24, 22, 20), texture_hu=20))
    both = parse_settings({"families": ["cm", "szm"]})
    one = parse_settings({"families": ["cm", "szm"], "texture": {"directions": directions}})
    whole, part = (measure_with(settings, volume, mask, "tumor")[0] for settings in (both, one))
    assert part == {tag: whole[tag] for tag in all_tags_of(one)}
    assert {tag for tag in whole if tag not in part} == {tag for tag in whole if tag.endswith(("_avg", "_comb"))} - {
        tag for tag in whole if tag.endswith(end)
    }
    (batched,) = measure_batch(one, [(volume, mask)], "tumor")
    assert batched[0] == pytest.approx(part)
