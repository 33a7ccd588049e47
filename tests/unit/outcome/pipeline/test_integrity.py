"""Every integrity check on a real evaluation, and each of them failing on one that is not what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from outcome.bundle import read_bundle
from outcome.config import Study
from outcome.pipeline import evaluate as stage
from outcome.pipeline import overlap
from outcome.pipeline.evidence import integrity as checks
from outcome.pipeline.evidence.history import History
from outcome.pipeline.evidence.integrity import Audited
from outcome.pipeline.protocol import Protocol, adopt_protocol, planned
from outcome.pipeline.session import open_run
from outcome.pipeline.validate import apply_bundle
from outcome.store import StudyStore, canonical_json, read_json
from tests.unit.outcome.pipeline.conftest import VALIDATING, Place

TIME = "2026-01-31T12:00:00Z"


def found(place: Place, bundle_id: str) -> Any:
    return read_json(place.site_b.stage("evaluate", bundle_id) / "metrics.json")["integrity"]


def statuses(integrity: Mapping[str, Any]) -> dict[str, str]:
    return {check["check"]: check["status"] for check in integrity["checks"]}


def applied(place: Place) -> Study:
    return apply_bundle(place.site_a.bundle, place.study("B"), place.folder / "store")


@pytest.fixture(scope="module")
def validated(trained_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("validated") / "place"
    shutil.copytree(trained_place.folder, folder)
    place = Place(folder)
    place.validate()
    return place


@pytest.fixture
def audited(validated: Place) -> Iterator[Audited]:
    study, bundle = applied(validated), read_bundle(validated.site_a.bundle)
    with open_run(study, validated.folder / "store", command="test") as run:
        scene = stage._scene(run, bundle)
        yield Audited(
            scene, stage._both_sources(run, bundle.id, *stage.PREDICTIONS), History("0" * 64, 1, ()), None, ()
        )


def test_a_plain_validation_passes_what_can_be_checked(validated: Place) -> None:
    integrity = found(validated, read_bundle(validated.site_a.bundle).id)
    assert integrity["evaluations"] | {"data_sha256": ""} == {"data_sha256": "", "number": 1, "earlier": []}
    assert integrity["protocol"] == {}
    assert statuses(integrity) == {
        "frozen model unchanged": "passed",
        "nothing fitted to the new cases": "passed",
        "no development patient among the new cases": "passed",
        "thresholds set beforehand": "passed",
        "each patient once": "not_checked",
        "how often these data were evaluated": "passed",
        "protocol fixed beforehand": "not_checked",
    }


def test_predictions_that_are_not_the_frozen_model_s_fail(audited: Audited) -> None:
    assert checks.nothing_fitted(audited).status == "passed"  # type: ignore[union-attr]
    predictions = audited.predictions.copy()
    predictions.loc[:2, "source"] = "out_of_fold"
    check = checks.nothing_fitted(replace(audited, predictions=predictions))
    assert check is not None
    assert (check.status, check.message[:2]) == ("failed", "3 ")


def test_cases_whose_predictions_come_from_a_model_that_saw_them_fail(audited: Audited) -> None:
    partitions = {
        name: part.model_copy(update={"relation": "development"})
        for name, part in audited.scene.run.study.partitions.items()
    }
    study = audited.scene.run.study.model_copy(update={"partitions": partitions})
    seen = replace(audited, scene=replace(audited.scene, run=replace(audited.scene.run, study=study)))
    check = checks.out_of_fold(seen)
    assert check is not None
    assert check.status == "failed"
    assert checks.nothing_fitted(seen) is None
    assert checks.no_overlap(seen) is None
    assert checks.thresholds_from_bundle(seen).status in ("warning", "passed")


def test_a_patient_the_model_was_learned_from_fails(audited: Audited) -> None:
    bundle = audited.scene.bundle
    known = overlap.with_patients(bundle.json(overlap.FILE), audited.scene.cases["patient_id"].iloc[:3])
    files = {**bundle.files, overlap.FILE: canonical_json(known)}
    shared = replace(audited, scene=replace(audited.scene, bundle=replace(bundle, files=files)))
    check = checks.no_overlap(shared)
    assert check is not None
    assert check.status == "failed"
    assert "3 of 40 cases" in check.message
    unknown = {name: data for name, data in bundle.files.items() if name != overlap.FILE}
    check = checks.no_overlap(replace(audited, scene=replace(audited.scene, bundle=replace(bundle, files=unknown))))
    assert check is not None
    assert check.status == "not_checked"


def test_a_patient_twice_is_a_warning(audited: Audited) -> None:
    study = audited.scene.run.study.model_copy(update={"patient_id": "patient"})
    cases = audited.scene.cases.assign(patient_id="p" + audited.scene.cases["patient_id"])
    scene = replace(audited.scene, cases=cases, run=replace(audited.scene.run, study=study))
    assert checks.patients_once(replace(audited, scene=scene)).status == "passed"
    cases = cases.assign(patient_id=["p", "p", *cases["patient_id"].iloc[2:]])
    check = checks.patients_once(replace(audited, scene=replace(scene, cases=cases)))
    assert (check.status, check.message[:7]) == ("warning", "1 of 40")


def test_a_second_model_on_the_same_data_is_the_second_look_and_a_repeat_is_none(place: Place) -> None:
    first = place.validate()
    path = place.site_b.stage("evaluate", first) / "metrics.json"
    before = path.read_bytes()
    shutil.rmtree(place.site_b.stage("evaluate", first))
    place.validate()
    assert path.read_bytes() == before
    place.run(place.study("A", "training.seed=99"), "cohort", "segment", "radiomics", "features", "train")
    second = place.validate()
    assert second != first
    looked = found(place, second)
    assert looked["evaluations"]["number"] == 2
    assert looked["evaluations"]["earlier"] == [{"bundle_id": first, "study": "site_b", "partition": "site_b"}]
    assert statuses(looked)["how often these data were evaluated"] == "warning"
    assert "in this store" in next(c["message"] for c in looked["checks"] if c["check"].startswith("how often"))


def test_a_protocol_that_came_after_the_first_look_is_a_warning(place: Place) -> None:
    study, bundle = applied(place), read_bundle(place.site_a.bundle)
    protocol = Protocol(TIME, planned(bundle, study))
    place.validate()
    adopt_protocol(StudyStore(place.folder / "store", study.name), protocol)
    place.validate()
    looked = found(place, bundle.id)
    assert looked["protocol"] == {"sha256": protocol.sha256, "fixed_at": TIME, "agrees": True, "deviations": []}
    check = next(c for c in looked["checks"] if c["check"] == "protocol fixed beforehand")
    assert check["status"] == "warning"
    assert "before it first saw the protocol" in check["message"]


def test_a_protocol_before_the_first_look_is_kept_and_deviations_are_listed(place: Place) -> None:
    study, bundle = applied(place), read_bundle(place.site_a.bundle)
    plan = planned(bundle, study)
    adopt_protocol(StudyStore(place.folder / "store", study.name), Protocol(TIME, plan))
    place.validate()
    assert statuses(found(place, bundle.id))["protocol fixed beforehand"] == "passed"
    other = Protocol(TIME, {**plan, "min_events": 5})
    adopt_protocol(StudyStore(place.folder / "store", study.name), other)
    place.run(study, *VALIDATING, bundle=place.site_a.bundle)
    looked = found(place, bundle.id)
    assert looked["protocol"]["agrees"] is False
    assert looked["protocol"]["deviations"] == ["min_events: protocol 5, here 10"]
