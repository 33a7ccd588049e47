"""Readers, scores and sites through the whole chain: whose they are, and what becomes stale when they change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import outcome
from outcome.errors import ConfigRefusal
from outcome.pipeline.validate import apply_bundle
from tests.unit.outcome.pipeline.conftest import VALIDATING, Place

SCHEMA = Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json"
THIRD = "  - {variable: estimate_clinician_3, label: Clinician 3, endpoint: any_complication, scale: percent}\n"


def metrics(place: Place) -> dict[str, Any]:
    return json.loads(next(place.site_b.folder.glob("evaluate/*/metrics.json")).read_text())


def edit(place: Place, old: str, new: str) -> None:
    path = place.folder / "B" / "study.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_every_part_is_there_and_the_document_fits_its_schema(place: Place, trained_place: Place) -> None:
    place.validate()
    document = metrics(place)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    part = next(iter(document["partitions"].values()))
    assert {row["inputs"] for row in part["multiplicity"]["rows"]} == {"preoperative", "with_plan"}
    endpoint = part["endpoints"]["any_complication"]
    assert [reader["name"] for reader in endpoint["readers"]["readers"]] == [f"Clinician {k}" for k in (1, 2, 3)]
    assert part["endpoints"]["clavien"]["readers"] == {}
    model = endpoint["models"]["preoperative"]
    assert {"sites", "precision", "advice", "risk_groups"} <= set(model)
    assert {row["variable"] for row in model["subgroups"]} >= {"Age at surgery × Sex"}


def test_readers_are_the_validating_hospital_s_and_their_change_is_measured_anew(
    place: Place, trained_place: Place
) -> None:
    place.validate()
    edit(place, THIRD, "")
    study = apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store")
    assert len(study.readers) == 2
    status = {result.stage: result.status for result in place.run(study, *VALIDATING, bundle=place.site_a.bundle)}
    assert status["evaluate"] == "done"
    assert status["cohort"] == status["predict"] != "done"
    readers = next(iter(metrics(place)["partitions"].values()))["endpoints"]["any_complication"]["readers"]
    assert len(readers["readers"]) == 2


def test_subgroups_and_their_crossing_are_the_bundle_s(place: Place, trained_place: Place) -> None:
    edit(place, "crossed:\n  - [age_years, sex]\n", "")
    study = apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store")
    assert study.crossed == (("age_years", "sex"),)


def test_readers_of_an_endpoint_that_the_bundle_lacks_are_refused(place: Place, trained_place: Place) -> None:
    edit(place, "  any_complication:\n", "  any_trouble:\n")
    edit(place, "endpoint: any_complication", "endpoint: any_trouble")
    with pytest.raises(ConfigRefusal, match="any_trouble"):
        apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store")


def test_predicting_needs_no_readers(place: Place, trained_place: Place) -> None:
    study = apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store", outcomes_needed=False)
    assert (study.readers, study.scores) == ((), ())
