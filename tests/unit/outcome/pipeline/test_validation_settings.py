"""On another study every setting is the bundle's, and what the study lacks is named, never quietly filled in."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
import pytest

from outcome.dictionary import DataDictionary, Role
from outcome.errors import BundleRefusal, ConfigRefusal, DataRefusal
from outcome.pipeline.validate import apply_bundle
from outcome.store import read_json, read_parquet
from tests.unit.outcome.pipeline.conftest import VALIDATING, Place

Edit = Callable[[str, str, str], None]


def risks(place: Place, bundle_id: str) -> pd.DataFrame:
    return read_parquet(place.site_b.stage("predict", bundle_id) / "predictions.parquet")


def findings(place: Place) -> dict[str, str]:
    return {f["code"]: f["message"] for f in read_json(place.site_b.stage("cohort") / "findings.json")}


def test_roles_and_ranges_of_the_study_s_own_dictionary_change_no_risk(place: Place, trained_place: Place) -> None:
    bundle_id = place.validate()
    before = risks(place, bundle_id)
    path = place.folder / "B" / "dictionary.csv"
    text = path.read_text()
    for role in ("predictor,subgroup", "predictor"):
        text = text.replace(f"@ROLE='{role}'", "@ROLE='subgroup'")
    path.write_text(text)
    assert not DataDictionary.load(path).with_role(Role.PREDICTOR)
    place.validate()
    pd.testing.assert_frame_equal(risks(place, bundle_id), before)


def test_an_undescribed_predictor_is_named_and_missing_even_where_the_table_has_the_column(
    place: Place,
) -> None:
    path = place.folder / "B" / "dictionary.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("haemoglobin_g_dl")))
    place.validate()
    assert "haemoglobin_g_dl" in findings(place)["predictor_not_described"]
    frame = read_parquet(place.site_b.stage("features") / "features.parquet")
    assert frame["clinical:haemoglobin_g_dl"].isna().all()
    metrics = json.loads(next(place.site_b.folder.glob("evaluate/*/metrics.json")).read_text())
    assert "predictor_not_described" in {finding["code"] for finding in metrics["findings"]}


def test_a_study_without_masks_says_that_the_bundle_reads_them(place: Place) -> None:
    path = place.folder / "B" / "study.yaml"
    text = path.read_text()
    start, end = text.index("images:"), text.index("inclusion:")
    path.write_text(text[:start] + text[end:])
    place.validate()
    assert "no masks" in findings(place)["no_masks_for_the_bundle"]


def test_another_unit_is_refused_before_anything_is_predicted(place: Place, edit: Edit) -> None:
    edit("B/dictionary.csv", "@UNIT='g/dL'", "@UNIT='mmol/L'")
    with pytest.raises(DataRefusal, match="haemoglobin_g_dl: expected unit g/dL, found mmol/L"):
        place.validate()
    assert not place.site_b.stage("predict").exists()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"on": ct', '"on": mr', "mask.on: mr"),
        ("  regions: {", "  units_mm: false\n  regions: {", "units_mm: false"),
    ],
)
def test_other_measurements_do_not_pass_for_the_bundle_s(
    place: Place, edit: Edit, old: str, new: str, word: str
) -> None:
    edit("B/study.yaml", old, new)
    with pytest.raises(BundleRefusal, match=word):
        apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store")


def test_the_study_file_s_own_settings_never_meet_a_foreign_bundle(place: Place, edit: Edit) -> None:
    """`outcome cohort STUDY.yaml --store VALIDATION` would measure the model on other endpoints than its own."""
    place.validate()
    edit("B/study.yaml", "at_least: 3a", 'at_least: "2"')
    with pytest.raises(ConfigRefusal, match="endpoints") as refusal:
        place.run(place.study("B"), *VALIDATING)
    assert "outcome validate" in str(refusal.value)


def test_a_case_that_failed_is_named_beside_the_numbers(place: Place) -> None:
    (place.folder / "B" / "images" / "B00003" / "mask.nii.gz").write_bytes(b"no image")
    bundle_id = place.validate()
    metrics = read_json(place.site_b.stage("evaluate", bundle_id) / "metrics.json")
    failed = [finding for finding in metrics["findings"] if finding["code"] == "case_failed"]
    assert [finding["case_ids"] for finding in failed] == [["B00003"]]
    assert "missing" in failed[0]["message"]
