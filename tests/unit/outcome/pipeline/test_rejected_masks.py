"""A mask that a person rejected is not measured, and comes back when the word is taken back."""

from __future__ import annotations

import pandas as pd

from outcome.ledger import Review
from outcome.pipeline.masks.review import record_review
from outcome.store import read_json
from tests.unit.outcome.pipeline.conftest import Place

STAGES = ("segment", "radiomics", "features")


def _measured(place: Place, case_id: str) -> bool:
    features = pd.read_parquet(place.site_a.stage("features") / "features.parquet").set_index("case_id")
    columns = [name for name in features if name.startswith("radiomics:")]
    return bool(columns) and bool(features.loc[case_id, columns].notna().any())


def test_a_rejected_mask_is_missing_from_then_on_with_the_reason(place: Place) -> None:
    study, store = place.study(), place.site_a
    segment = store.stage("segment")
    before, manifest = read_json(segment / "index.json"), (segment / "manifest.json").read_bytes()
    case_id = sorted(before)[0]
    record_review(store.root, "site_a", Review(case_id, "", "reject", "Reader", "the other kidney"))
    assert [result.exit_code for result in place.run(study, *STAGES)] == [0, 0, 0]
    assert read_json(segment / "index.json") == {name: key for name, key in before.items() if name != case_id}
    found = [finding for finding in read_json(segment / "findings.json") if finding["code"] == "mask_rejected"]
    assert [(one["level"], one["case_ids"]) for one in found] == [("reject", [case_id])]
    assert "other kidney" not in str(found), "a comment may tell of a patient"
    assert not _measured(place, case_id)
    record_review(store.root, "site_a", Review(case_id, "", "accept", "Reader"))
    place.run(study, *STAGES)
    assert (segment / "manifest.json").read_bytes() == manifest
    assert _measured(place, case_id)
