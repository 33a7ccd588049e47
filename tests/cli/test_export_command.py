"""From a folder of DICOM and a bundle to what hospitals' systems read: `outcome predict`, then `outcome export`."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import highdicom as hd
import jsonschema
import numpy as np
import pandas as pd
import pydicom
import pytest

import outcome
from outcome.bundle import read_bundle, write_bundle
from outcome.cli.main import run
from outcome.store import canonical_json, read_json, read_parquet
from segmentation.exports.series import SeriesFacts, write_series
from segmentation.images.reading import read_image, read_mask
from segmentation.images.writing import write_mask
from segmentation.types import Mask
from tests.cli.conftest import Call
from tests.dicom_readers import conforms, report_text

ROOT = Path(outcome.__file__).parent.parent
REGIONS = {"kidney": 1, "tumor": 2}
CASES = 4  # the last one has no DICOM series
FILES = {"segmentation.dcm", "report.dcm", "sheet.dcm", "risk_assessment.json", "export.json"}


def as_dicom(folder: Path, case: str) -> None:
    """A case's CT as a DICOM series, and its mask on the grid that is read there."""
    files = folder / "images" / case
    image = read_image(files / "ct.nii.gz")
    write_series(image, folder / "dicom" / case, SeriesFacts("CT", f"patient of {case}", "20240203"))
    read = read_image(folder / "dicom" / case)
    found = read_mask(files / "mask.nii.gz", REGIONS)
    labels = np.zeros(image.array.shape, dtype=np.uint8)
    labels[tuple(slice(a, a + n) for a, n in zip(found.offset, found.labels.shape, strict=True))] = found.labels
    write_mask(Mask(labels[:, :, ::-1], read.affine, REGIONS), files / "mask.nii.gz")
    (files / "ct.nii.gz").unlink()


@pytest.fixture(scope="module")
def scanned(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Site B with four cases, three of them with a DICOM series, and a store of its predictions: do not change it."""
    folder = tmp_path_factory.mktemp("scanned")
    shutil.copytree(made / "B", folder / "B")
    table = pd.read_csv(folder / "B" / "table.csv", dtype=str, keep_default_na=False).iloc[:CASES]
    table.to_csv(folder / "B" / "table.csv", index=False)
    study = folder / "B" / "study.yaml"
    study.write_text(study.read_text().replace("ct: images/{case_id}/ct.nii.gz", "ct: dicom/{case_id}"))
    for case in case_ids(folder)[:-1]:
        as_dicom(folder / "B", case)
    words = ["predict", made / "store" / "site_a" / "bundle", study, "--out", folder / "predictions", "--quiet"]
    assert run([str(word) for word in words]) == 0
    return folder


def case_ids(folder: Path) -> list[str]:
    table = pd.read_csv(folder / "B" / "table.csv", dtype=str, keep_default_na=False)
    name = next(column for column in table.columns if table[column].str.match(r"B\d+$").all())
    return sorted(table[name])


def export(call: Call, made: Path, folder: Path, out: Path, *words: object, bundle: Path | None = None):  # type: ignore[no-untyped-def]
    bundle = bundle or made / "store" / "site_a" / "bundle"
    study = folder / "B" / "study.yaml"
    return call("export", bundle, study, "--predictions", folder / "predictions", "--out", out, *words, "--json")


def test_every_object_of_every_case_is_read_back(made: Path, scanned: Path, tmp_path: Path, call: Call) -> None:
    answer = export(call, made, scanned, tmp_path / "objects", "--date", "2024-05-06")
    assert answer.code == 0, answer.err
    *with_series, without = case_ids(scanned)
    assert {path.name for path in (tmp_path / "objects").iterdir()} == {*with_series, without}
    assert answer.json["left_out"] == {without: {"seg": "no DICOM series of this case"}}
    for case in with_series:
        folder = tmp_path / "objects" / case
        assert {path.name for path in folder.iterdir()} == FILES
        for name in ("segmentation.dcm", "report.dcm", "sheet.dcm"):
            conforms(folder / name)
            assert pydicom.dcmread(folder / name).PatientID == f"patient of {case}"
        assert "Research use only" in report_text(folder / "report.dcm")
    lonely = tmp_path / "objects" / without
    assert {path.name for path in lonely.iterdir()} == FILES - {"segmentation.dcm"}
    assert pydicom.dcmread(lonely / "report.dcm").PatientID == without
    assert str(pydicom.dcmread(lonely / "report.dcm").ContentDate) == "20240506"


def test_the_numbers_are_those_of_the_predictions(made: Path, scanned: Path, tmp_path: Path, call: Call) -> None:
    answer = export(call, made, scanned, tmp_path / "objects", "--kinds", "fhir,sr", "--date", "20240506")
    stored = read_parquet(
        next(scanned.glob(f"predictions/site_b/predict/{answer.json['bundle_id']}/predictions.parquet"))
    )
    chosen = stored[stored["rung"] == "chosen"]
    schema = read_json(ROOT / "configs" / "fhir_risk_assessment.schema.json")
    for case in case_ids(scanned):
        resource = read_json(tmp_path / "objects" / case / "risk_assessment.json")
        jsonschema.validate(resource, schema)
        told = [100 * row.risk for row in chosen[chosen["case_id"] == case].itertuples() if row.endpoint in
                ("any_complication", "major_complication", "recurrence", "overall_survival")]  # fmt: skip
        written = [one["probabilityDecimal"] for one in resource["prediction"] if "probabilityDecimal" in one]
        np.testing.assert_allclose(sorted(written), sorted(told), atol=5.1e-5)
        report = hd.sr.srread(tmp_path / "objects" / case / "report.dcm").content
        measured = [m.value for group in report.get_image_measurement_groups() for m in group.get_measurements()
                    if m.name.value == "122157"]  # fmt: skip
        assert sorted(measured) == sorted(written)


def test_a_segmentation_holds_the_mask_and_the_report_points_to_it(
    made: Path, scanned: Path, tmp_path: Path, call: Call
) -> None:
    assert export(call, made, scanned, tmp_path / "objects", "--kinds", "seg,sr", "--date", "20240506").code == 0
    case = case_ids(scanned)[0]
    folder = tmp_path / "objects" / case
    found = hd.seg.segread(folder / "segmentation.dcm")
    mask = read_mask(scanned / "B" / "images" / case / "mask.nii.gz", REGIONS)
    volume = found.get_volume(combine_segments=True)
    assert {n: int((volume.array == n).sum()) for n in (1, 2)} == {n: int((mask.labels == n).sum()) for n in (1, 2)}
    assert [str(s.SegmentLabel) for s in found.SegmentSequence] == ["kidney", "tumor"]
    places = np.argwhere(mask.labels == 2)
    patient = np.diag((-1.0, -1.0, 1.0, 1.0)) @ mask.affine @ np.column_stack([places, np.ones(len(places))]).T
    at = np.rint(np.linalg.inv(volume.affine) @ patient)[:3].astype(int)
    assert (volume.array[tuple(at)] == 2).all()
    report = pydicom.dcmread(folder / "report.dcm")
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    named = {e.ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence for e in s.ReferencedSOPSequence}
    assert found.SOPInstanceUID in named
    assert len(named) == len(list((scanned / "B" / "dicom" / case).iterdir())) + 1


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_work_gives_the_same_bytes(made: Path, scanned: Path, tmp_path: Path, call: Call) -> None:
    for name in "ab":
        assert export(call, made, scanned, tmp_path / name, "--date", "20240506").code == 0
    first, second = (content(tmp_path / name) for name in "ab")
    assert len(first) == 5 * CASES - 1
    assert first == second


def test_a_bad_case_is_named_and_leaves_no_folder(made: Path, scanned: Path, tmp_path: Path, call: Call) -> None:
    shutil.copytree(scanned / "B" / "dicom", tmp_path / "dicom")
    bad, good, *_, without = case_ids(scanned)
    (tmp_path / "dicom" / bad / "0005.dcm").unlink()
    pattern = f"{tmp_path}/dicom/{{case_id}}"
    answer = export(call, made, scanned, tmp_path / "objects", "--dicom-series", pattern, "--kinds", "seg,sr")
    assert answer.code == 4
    assert set(answer.json["failed"]) == {bad, without}
    assert "Slices are missing" in answer.json["failed"][bad]
    assert "--date" in answer.json["failed"][without]  # no series, and so no date
    assert {p.name for p in (tmp_path / "objects").iterdir()} == set(answer.json["exported"])
    assert good in answer.json["exported"]


def about(prediction: dict[str, Any]) -> tuple[str, str]:
    """Endpoint and input set of a FHIR prediction."""
    return prediction["outcome"]["coding"][0]["code"], prediction["extension"][0]["valueCode"]


def has_number(prediction: dict[str, Any]) -> bool:
    """Whether a FHIR prediction holds a number, or an end of one's interval."""
    amounts = [one.get("valueQuantity", {}) for one in prediction["extension"]]
    ends = any("valueRange" in one for one in prediction["extension"])
    return "probabilityDecimal" in prediction or ends or any("value" in amount for amount in amounts)


def test_a_number_that_is_withheld_leaves_in_no_object(made: Path, scanned: Path, tmp_path: Path, call: Call) -> None:
    read = read_bundle(made / "store" / "site_a" / "bundle")
    config = json.loads(read.files["config.json"])
    config["training"]["min_information"] = 1.0
    write_bundle(tmp_path / "bundle", {**read.files, "config.json": canonical_json(config)}, read.facts)
    study, store = scanned / "B" / "study.yaml", tmp_path / "predictions"
    assert call("predict", tmp_path / "bundle", study, "--out", store, "--quiet").code == 0
    words = ["--predictions", store, "--out", tmp_path / "objects", "--kinds", "sr,fhir", "--date", "20240506"]
    answer = call("export", tmp_path / "bundle", study, *words, "--json")
    assert answer.code == 0, answer.err
    known = read_parquet(next(store.glob("site_b/predict/*/information.parquet")))
    lacking = {(r.case_id, r.endpoint, r.inputs) for r in known.itertuples() if r.known_share < 1}
    assert lacking
    risks = read_parquet(next(store.glob("site_b/predict/*/predictions.parquet")))
    for case in {case for case, _, _ in lacking}:
        resource = read_json(tmp_path / "objects" / case / "risk_assessment.json")
        report = report_text(tmp_path / "objects" / case / "report.dcm")
        for row in risks[(risks["case_id"] == case) & (risks["rung"] == "chosen")].itertuples():
            said = [p for p in resource["prediction"] if about(p) == (row.endpoint, row.inputs)]
            withheld = (case, row.endpoint, row.inputs) in lacking
            assert [has_number(p) for p in said] == [not withheld] * len(said)
            assert not withheld or f'"{round(100 * row.risk, 4):g}"' not in report
        assert "No number" in report


def test_other_bundles_kinds_and_patterns_are_refused(made: Path, scanned: Path, tmp_path: Path, call: Call) -> None:
    read = read_bundle(made / "store" / "site_a" / "bundle")
    write_bundle(tmp_path / "other", read.files, {**read.facts, "title": "another"})
    foreign = export(call, made, scanned, tmp_path / "o", bundle=tmp_path / "other")
    assert (foreign.code, "did not predict" in foreign.err) == (3, True)
    assert export(call, made, scanned, tmp_path / "o", "--kinds", "seg,png").code == 2
    assert export(call, made, scanned, tmp_path / "o", "--dicom-series", "dicom/all").code == 3
    assert not (tmp_path / "o").exists()


def test_the_program_starts_without_highdicom() -> None:
    """No module that `outcome.cli` imports as it starts imports highdicom, directly or by way of others."""
    seen, todo, strangers = set(), ["outcome.cli.main"], set()
    while todo:
        name = todo.pop()
        path = ROOT / Path(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in seen or not file.exists():
            strangers |= {name.split(".")[0]} if not file.exists() else set()
            continue
        seen.add(name)
        todo += [part for found in imported(file) for part in (found, found.rpartition(".")[0]) if part]
    assert "outcome.pipeline.run" in seen
    assert "typer" in strangers
    assert "highdicom" not in strangers
    assert "outcome.pipeline.export" not in seen


def imported(file: Path) -> list[str]:
    """What a module imports at its top level; `from a import b` may mean the module a.b."""
    found = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found
