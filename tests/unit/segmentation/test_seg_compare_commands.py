"""`segmentation evaluate | agreement`: what is answered, written and refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from segmentation.assessment.evaluation import patient_of
from segmentation.assessment.named_regions import parse_regions
from segmentation.cli import app
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.images.writing import write_mask
from segmentation.metrics import METRICS
from segmentation.types import Mask

SHIFTS = {"truth": 0, "good": 1, "poor": 3}


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Eight images of four patients, box of label 1 with label 2 inside, shifted by 0, 1 and 3 of 8 voxels; label 2 is
    absent from every mask of p3_b."""
    for name, shift in SHIFTS.items():
        (tmp_path / name).mkdir()
        for number in range(8):
            labels = np.zeros((20, 16, 12), dtype=np.uint8)
            case = f"p{number // 2}_{'ab'[number % 2]}"
            labels[4 + shift : 12 + shift, 4:12, 3 : 5 + number] = 1
            if case != "p3_b":
                labels[6 + shift : 8 + shift, 6:8, 4] = 2
            write_mask(Mask(labels, np.eye(4), {"a": 1, "b": 2}), tmp_path / name / f"{case}.nii.gz")
    return tmp_path


def _answer(*words: object) -> dict[str, object]:
    done = _run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_measure_by_region_with_intervals_over_patients(folders: Path) -> None:
    words = ("evaluate", "--predictions", folders / "good", "--truth", folders / "truth")
    found = _answer(*words, "--labels", "box=1,core=2,all=1+2", "--patient-pattern", "^([^_]+)_")
    assert list(found["labels"]) == ["box", "core", "all"]
    assert found["summary"]["patients"] == 4
    assert found["summary"]["n"] == found["cases"] == 8
    whole = found["labels"]["all"]
    assert list(whole["metrics"]) == list(METRICS)
    assert whole["dice"] == whole["metrics"]["dice"]["value"] == pytest.approx(14 / 16), "7 of 8 slices shared"
    assert whole["metrics"]["hausdorff_mm"]["value"] == 1
    assert found["labels"]["core"]["dice"] == pytest.approx((7 * 0.5 + 1) / 8)
    assert found["labels"]["core"]["metrics"]["hausdorff_mm"]["missing"] == {"neither mask holds the region": 1}
    assert found["per_case"]["p3_b"]["regions"]["core"]["missing"]["precision"] == "neither mask holds the region"
    assert [group["n"] for group in found["by_size"]["all"]] == [3, 3, 2]
    assert found["absent"] == []
    alone = _answer(*words)
    assert alone["summary"]["patients"] == 8
    assert list(alone["labels"]) == ["1", "2"], "without names every label that a given mask holds"


def test_cases_of_one_patient_widen_the_interval(folders: Path) -> None:
    words = ("evaluate", "--predictions", folders / "poor", "--truth", folders / "truth", "--labels", "core=2")
    cases, patients = (_answer(*words, *more)["labels"]["core"] for more in ((), ("--patient-pattern", "^(p.)")))
    assert cases["dice"] == patients["dice"]
    assert patients["high"] - patients["low"] >= cases["high"] - cases["low"] > 0


def test_absent_regions_and_labels_nobody_named_are_told(folders: Path) -> None:
    found = _answer(
        "evaluate", "--predictions", folders / "good", "--truth", folders / "truth", "--labels", "box=1,cyst=7"
    )
    assert found["absent"] == ["cyst"]
    assert found["other_labels"] == {"2": 7}


def test_the_table_holds_every_measure(folders: Path) -> None:
    words = ("evaluate", "--predictions", folders / "good", "--truth", folders / "truth", "--without-mm")
    _answer(*words, "--csv", folders / "all.csv")
    with (folders / "all.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * 2 * len(METRICS)
    assert all(bool(row["value"]) != bool(row["reason"]) for row in rows)
    assert {row["reason"] for row in rows if row["metric"] == "hausdorff_mm"} == {"no voxel spacing was published"}
    assert "nan" not in (folders / "all.csv").read_text().lower()


def test_words_for_a_terminal(folders: Path) -> None:
    done = _run("evaluate", "--predictions", folders / "good", "--truth", folders / "truth")
    assert "2 hausdorff_mm\t1 mm (1 to 1; n 7); missing in 1: neither mask holds the region" in done.stdout
    assert "NaN" not in done.stdout


@pytest.mark.parametrize("text", ["a", "a=0", "a=1,a=2", "a=1+1", "a=1;b=2", "a=x", "a=70000", ""])
def test_regions_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        parse_regions(text)
    assert refused.value.code == "bad_label"


def test_regions_and_patients_in_words() -> None:
    assert parse_regions("kidney=1, both = 1+2,7") == {"kidney": (1,), "both": (1, 2), "7": (7,)}
    assert patient_of("p1_a", "") == "p1_a"
    assert patient_of("p1_a", "^([^_]+)_") == patient_of("p1_a", "p1") == "p1"
    for pattern in ("(", "x(.)"):
        with pytest.raises(ImageRefusal) as refused:
            patient_of("p1_a", pattern)
        assert refused.value.code == "no_patient"


def test_what_is_refused(folders: Path, tmp_path: Path) -> None:
    truth, good = folders / "truth", folders / "good"
    (tmp_path / "none").mkdir()
    words = {
        "bad_label": ("evaluate", "--predictions", good, "--truth", truth, "--labels", "a=b"),
        "no_cases": ("evaluate", "--predictions", good, "--truth", tmp_path / "none"),
        "too_few_readers": ("agreement", good),
    }
    for code, asked in words.items():
        done = _run(*asked)
        assert (done.exit_code, done.stderr.split(":")[0]) == (3, code)
    assert _run("evaluate", "--predictions", good, "--truth", truth, "--surface", "mesh").exit_code == 2
    assert _run("agreement", good, truth, "--consensus", "loudest").exit_code == 2
    (good / "p0_a.nii").write_bytes(b"twice")
    done = _run("evaluate", "--predictions", good, "--truth", truth)
    assert (done.exit_code, done.stderr.split(":")[0]) == (3, "duplicate_case")


def test_readers_agree_and_a_model_beside_them(folders: Path) -> None:
    """Readers 0, 1 and 3 voxels apart of 8; the model draws as the first: its Dice with them is 1, 14/16 and 10/16, the
    readers' among themselves 14/16, 10/16 and 12/16."""
    words = ("agreement", *(folders / name for name in SHIFTS), "--model", folders / "truth", "--labels", "all=1+2")
    found = _answer(*words, "--out", folders / "agreed", "--consensus", "majority")["labels"]["all"]
    assert list(found["pairs"]) == ["truth / good", "truth / poor", "good / poor"]
    assert found["readers"]["dice"]["value"] == pytest.approx((14 + 10 + 12) / 48)
    assert found["model"]["dice"]["value"] == pytest.approx((16 + 14 + 10) / 48)
    assert found["difference"]["dice"]["value"] == pytest.approx(4 / 48)
    assert 0 < found["fleiss_kappa"]["value"] < found["readers"]["dice"]["value"]
    agreed = read_mask(folders / "agreed" / "p3_b.nii.gz", {"a": 1})
    assert agreed.offset[0] == 5, "two of three begin no later"
    assert agreed.labels.shape[0] == 8, "two of three end no earlier"


def test_the_consensus_is_the_same_twice_and_names_what_is_missing(folders: Path) -> None:
    words = ("agreement", *(folders / name for name in SHIFTS), "--labels", "1,2")
    for name in ("one", "two"):
        assert _run(*words, "--out", folders / name).exit_code == 0
    for path in (folders / "one").iterdir():
        assert path.read_bytes() == (folders / "two" / path.name).read_bytes()
    (folders / "poor" / "p0_a.nii.gz").unlink()
    done = _run(*words, "--json")
    assert done.exit_code == 4
    assert json.loads(done.stdout)["failed"] == {"p0_a": "missing_file"}
