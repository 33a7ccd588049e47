"""A bundle that draws its masks: from raw images, in any folder, the same bits; and refused where it is not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

import outcome
from outcome.bundle import read_bundle, write_bundle
from outcome.errors import BundleRefusal
from outcome.pipeline.validate import apply_bundle
from outcome.recipe import CaseInput
from outcome.serving import SEGMENTER_FILE, RiskModel, case_view
from outcome.store import read_json, read_parquet
from tests.learned_study import PREDICTING, TRAINING, VALIDATING, Hospitals, relabelled, write_study

PATIENTS_B = 8
RISKS = ["endpoint", "inputs", "horizon_days", "risk", "low", "high", "score"]
SCHEMA = Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Hospitals:
    """Hospital A's model, and hospital B with masks of its own (other label numbers)."""
    hospitals = Hospitals(tmp_path_factory.mktemp("learned_bundle"))
    write_study(hospitals.folder / "A")
    write_study(hospitals.folder / "B", "B", patients=PATIENTS_B)
    relabelled(hospitals.folder / "B", kidney=5, tumor=4)
    hospitals.run(hospitals.study(), TRAINING)
    hospitals.validate("B")
    return hospitals


@pytest.fixture
def hospitals(trained: Hospitals, tmp_path: Path) -> Hospitals:
    return trained.copied(tmp_path / "hospitals")


def risks(hospitals: Hospitals, site: str = "B") -> pd.DataFrame:
    place = hospitals.store(site).stage("predict", read_bundle(hospitals.store().bundle).id)
    return read_parquet(place / "predictions.parquet").sort_values(["case_id", "inputs"], ignore_index=True)


def without_masks(study_file: Path) -> None:
    """A hospital that only has images: no mask files, no mask section."""
    kept = [line for line in study_file.read_text(encoding="utf-8").splitlines() if not line.startswith("mask:")]
    study_file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    for path in study_file.parent.glob("*/mask.nii.gz"):
        path.unlink()


def test_the_bundle_carries_the_final_network_and_its_name(trained: Hospitals) -> None:
    bundle = read_bundle(trained.store().bundle)
    segment = trained.store().stage("segment")
    described = read_json(segment / "segmenter.json")
    assert bundle.json("recipe.json")["segmenter"] == described["name"]
    assert bundle.files[SEGMENTER_FILE] == (segment / described["networks"]["final"]["file"]).read_bytes()
    assert "network" in bundle.files["MODEL_CARD.md"].decode()


def test_raw_images_in_another_folder_give_bit_equal_risks(trained: Hospitals, tmp_path: Path) -> None:
    """One case at a time in memory, and all of them by the stages: images alone, elsewhere on the disk."""
    elsewhere = Hospitals(tmp_path / "elsewhere" / "deeper")
    shutil.copytree(trained.folder / "B", elsewhere.folder / "B")
    shutil.copytree(trained.store().bundle, elsewhere.store().bundle)
    without_masks(elsewhere.folder / "B" / "study.yaml")
    study = apply_bundle(elsewhere.store().bundle, elsewhere.study("B"), elsewhere.folder, outcomes_needed=False)
    elsewhere.run(study, PREDICTING, bundle=elsewhere.store().bundle)
    pd.testing.assert_frame_equal(risks(elsewhere), risks(trained), check_exact=True)
    model = RiskModel.load(elsewhere.store().bundle)
    table = pd.read_csv(elsewhere.folder / "B" / "table.csv").set_index("case_id")
    for case_id in ("B000", "B001", "B005"):
        image = {"ct": elsewhere.folder / "B" / case_id / "ct.nii.gz"}
        record: dict[str, Any] = {"age": float(table.loc[case_id, "age"]), "sex": table.loc[case_id, "sex"]}
        alone = model.predict(CaseInput(case_id, image), record).sort_values(["inputs"], ignore_index=True)
        there = risks(trained)
        there = there[(there["case_id"] == case_id) & (there["rung"] == "chosen")].reset_index(drop=True)
        assert len(alone) == 1
        pd.testing.assert_frame_equal(alone[RISKS], there[RISKS], check_exact=True)


def test_the_image_moves_the_risk_and_a_given_mask_does_not(trained: Hospitals) -> None:
    model = RiskModel.load(trained.store().bundle)
    folder = trained.folder / "B"
    record = {"age": 60.0, "sex": "f"}
    drawn = model.predict(CaseInput("x", {"ct": folder / "B000" / "ct.nii.gz"}), record)["score"]
    handed = model.predict(
        CaseInput("x", {"ct": folder / "B000" / "ct.nii.gz"}, folder / "B003" / "mask.nii.gz"), record
    )["score"]
    bare = model.predict(CaseInput("x", mask=folder / "B000" / "mask.nii.gz"), record)["score"]
    assert drawn.tolist() == handed.tolist()
    assert drawn.tolist() != bare.tolist()


def test_given_masks_elsewhere_are_compared_by_region_whatever_their_labels(trained: Hospitals) -> None:
    table = read_parquet(trained.store("B").stage("segment") / "agreement.parquet")
    assert set(table["region"]) == {"kidney", "tumor"}
    assert set(table["network"]) == {"final"}
    assert (table.loc[table["region"] == "kidney", "dice"] > 0.1).all()
    manifest = read_json(trained.store("B").stage("segment") / "manifest.json")
    assert manifest["config"]["recipe"]["segmenter"] == RiskModel.load(trained.store().bundle).recipe.segmenter  # type: ignore[union-attr]
    assert case_view(trained.folder / "store", "hospital_b", "B000").planes()[0].labels.max() <= 2


def test_metrics_and_report_say_who_drew_the_masks_and_how_well(trained: Hospitals) -> None:
    bundle_id = read_bundle(trained.store().bundle).id
    folder = trained.store("B").stage("evaluate", bundle_id)
    metrics = json.loads((folder / "metrics.json").read_text())
    jsonschema.validate(metrics, json.loads(SCHEMA.read_text()))
    masks = metrics["partitions"]["all"]["masks"]
    assert (masks["source"], masks["n_drawn"]) == ("final network", PATIENTS_B)
    kidney = masks["regions"]["kidney"]
    assert kidney["dice"]["low"] <= kidney["dice"]["value"] <= kidney["dice"]["high"]
    assert kidney["dice"]["n"] == PATIENTS_B
    page = (trained.store("B").stage("report", bundle_id) / "report.html").read_text()
    assert "Learned masks" in page
    assert "which saw none of these patients" in page
    assert masks["network"] in page


def test_development_masks_are_reported_as_cross_fitted(hospitals: Hospitals) -> None:
    hospitals.run(hospitals.study(), ("predict", "evaluate", "report"))
    metrics = read_json(hospitals.store().stage("evaluate", read_bundle(hospitals.store().bundle).id) / "metrics.json")
    assert {name: part["masks"]["source"] for name, part in metrics["partitions"].items()} == {
        "early": "cross_fitted",
        "late": "final network",
    }


def test_a_hospital_without_masks_gets_a_report_that_does_not_know_the_agreement(hospitals: Hospitals) -> None:
    without_masks(hospitals.folder / "B" / "study.yaml")
    shutil.rmtree(hospitals.store("B").folder)
    results = hospitals.validate("B", VALIDATING)
    assert all(not result.failed for result in results)
    bundle_id = read_bundle(hospitals.store().bundle).id
    metrics = read_json(hospitals.store("B").stage("evaluate", bundle_id) / "metrics.json")
    assert metrics["partitions"]["all"]["masks"]["regions"] == {}
    assert "no_masks_for_the_bundle" not in {finding["code"] for finding in metrics["findings"]}
    page = (hospitals.store("B").stage("report", bundle_id) / "report.html").read_text()
    assert "how well the network outlines them is not known" in page


def test_a_study_without_the_network_s_image_is_refused(hospitals: Hospitals) -> None:
    study = hospitals.folder / "B" / "study.yaml"
    without_masks(study)
    study.write_text(study.read_text().replace("images: {ct:", "images: {mr:"))
    with pytest.raises(BundleRefusal, match="draws masks on the image ct,"):
        hospitals.validate("B")


def test_masks_without_spacing_are_refused_where_the_bundle_has_mm(hospitals: Hospitals) -> None:
    study = hospitals.folder / "B" / "study.yaml"
    study.write_text(study.read_text().replace('"on": ct', '"on": ct, units_mm: false'))
    with pytest.raises(BundleRefusal, match="another unit"):
        hospitals.validate("B")


def changed_bundle(hospitals: Hospitals, **files: bytes | None) -> Path:
    """The bundle with other or without some files, its manifest honestly written anew."""
    bundle = read_bundle(hospitals.store().bundle)
    kept = {**bundle.files, **{name.replace("__", "."): data for name, data in files.items()}}
    write_bundle(hospitals.store().bundle, {n: d for n, d in kept.items() if d is not None}, bundle.facts)
    return hospitals.store().bundle


def test_a_bundle_without_its_network_is_refused(hospitals: Hospitals) -> None:
    changed_bundle(hospitals, segmenter__safetensors=None)
    with pytest.raises(BundleRefusal, match="has no segmenter"):
        hospitals.validate("B")
    with pytest.raises(BundleRefusal, match="has no segmenter"):
        _ = RiskModel.load(hospitals.store().bundle).segmenter


def test_damaged_weights_are_refused(hospitals: Hospitals) -> None:
    weights = read_bundle(hospitals.store().bundle).files[SEGMENTER_FILE]
    changed_bundle(hospitals, segmenter__safetensors=weights[:-8])
    with pytest.raises(BundleRefusal, match="does not hold what training writes"):
        hospitals.validate("B")


def test_another_network_than_the_recipe_names_is_refused(hospitals: Hospitals) -> None:
    """The fold's network fits in every way but its name."""
    segment = hospitals.store().stage("segment")
    fold = segment / read_json(segment / "segmenter.json")["networks"]["fold 1"]["file"]
    changed_bundle(hospitals, segmenter__safetensors=fold.read_bytes())
    with pytest.raises(BundleRefusal, match="not the one its recipe names"):
        hospitals.validate("B")


def test_weights_of_another_architecture_are_refused(hospitals: Hospitals) -> None:
    from safetensors.torch import load, save

    weights = read_bundle(hospitals.store().bundle).files[SEGMENTER_FILE]
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    tensors = load(weights)
    name = min(key for key, tensor in tensors.items() if tensor.shape[-1] > 1)
    tensors[name] = tensors[name][..., :1].contiguous()
    changed_bundle(hospitals, segmenter__safetensors=save(tensors, metadata=header["__metadata__"]))
    with pytest.raises(BundleRefusal, match="segmenter cannot be used"):
        hospitals.validate("B")
