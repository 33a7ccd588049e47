"""`outcome deidentify`: options, refusals and what the record of the hand-over tells."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from outcome.cohort.inputs import case_inputs
from outcome.config import load_study
from outcome.deidentification.key import Key
from outcome.deidentification.record import Person
from outcome.pipeline.deidentify_case import CaseTask, write_case
from outcome.store import folder_digests
from segmentation.images.reading import read_image, read_mask
from segmentation.images.writing import write_image
from segmentation.types import Volume
from tests.cli.conftest import Answer, Call
from tests.planted_study import KEY, PLANTED, write_key, write_planted_study

CASE = PLANTED["case id"]
NAME = Key(bytes.fromhex(KEY)).pseudonym("case", CASE)
STUDY = "schema_version: 1"


@pytest.fixture(scope="module")
def made_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_planted_study(tmp_path_factory.mktemp("hospital"))


@pytest.fixture
def source(made_source: Path, tmp_path: Path) -> Path:
    """A planted study of one's own: its file."""
    shutil.copytree(made_source.parent, tmp_path / "source")
    write_key(tmp_path)
    return tmp_path / "source" / "study.yaml"


def deidentify(call: Call, source: Path, *words: object, out: Path | None = None) -> Answer:
    folder = source.parent.parent
    words = ("--out", out or folder / "copy", "--key-file", folder / "study.key", "--json", *words)
    return call("deidentify", source, *words)


def with_image(source: Path, **elements: str) -> None:
    """The first case's series with other elements."""
    for path in (source.parent / "Marjoribanks" / CASE / "mr").iterdir():
        data = pydicom.dcmread(path)
        for name, value in elements.items():
            setattr(data, name, value)
        data.save_as(path)


def test_images_and_masks_are_those_of_the_source(source: Path, call: Call) -> None:
    answer = deidentify(call, source)
    assert answer.code == 0, answer.err
    before, after = source.parent / "Marjoribanks" / CASE, source.parent.parent / "copy"
    for old, new in ((before / "ct.nii.gz", after / "images" / "ct" / f"{NAME}.nii.gz"),
                     (before / "mr", after / "images" / "mr" / NAME)):  # fmt: skip
        a, b = read_image(old), read_image(new)
        assert np.array_equal(a.array, b.array)
        assert np.array_equal(a.affine, b.affine)
    masks = [read_mask(path, {"tumor": 1}) for path in (before / "mask.nii.gz", after / "masks" / f"{NAME}.nii.gz")]
    assert np.array_equal(masks[0].labels, masks[1].labels)


def test_the_record_tells_what_was_done_and_is_the_same_each_time(source: Path, call: Call, tmp_path: Path) -> None:
    answer = deidentify(call, source, "--shift-days", "40", "--top-age", "age")
    record = json.loads((tmp_path / "copy" / "deidentified.json").read_text())
    assert {name: answer.json[name] for name in record} == record
    assert record["table"]["dropped"]["codes"] == "free text"
    assert record["rules"]["dates"].startswith("1 to 40 days earlier")
    assert record["cases"][NAME]["mr"] == {"format": "DICOM", "files": 4, "flags": [], "refused": ""}
    assert KEY not in answer.out
    deidentify(call, source, "--shift-days", "40", "--top-age", "age", out=tmp_path / "again")
    assert folder_digests(tmp_path / "copy") == folder_digests(tmp_path / "again")


def test_another_key_shares_no_name_with_the_first(source: Path, call: Call, tmp_path: Path) -> None:
    deidentify(call, source)
    (tmp_path / "study.key").write_text("0123456789abcdef" * 4)
    deidentify(call, source, out=tmp_path / "other")
    columns = [{line.split(",")[n] for line in (tmp_path / folder / "table.csv").read_text().splitlines()[1:]
                for n in range(3)} for folder in ("copy", "other")]  # fmt: skip
    assert not columns[0] & columns[1]


@pytest.mark.parametrize("word", ["refuse", "leave-out", "allow"])
def test_flagged_images_refuse_go_or_stay(word: str, source: Path, call: Call, tmp_path: Path) -> None:
    with_image(source, BurnedInAnnotation="YES", BodyPartExamined="HEAD")
    answer = deidentify(call, source, "--flagged", word)
    if word == "refuse":
        assert answer.code == 3
        assert f"{CASE}, mr: burned_in_annotation, head_by_header" in answer.err
        assert not (tmp_path / "copy").exists()
        return
    assert answer.code == 0
    facts = answer.json["cases"][NAME]["mr"]
    assert [flag["code"] for flag in facts["flags"]] == ["burned_in_annotation", "head_by_header"]
    assert (tmp_path / "copy" / "images" / "mr" / NAME).exists() == (word == "allow")
    assert facts["files"] == (4 if word == "allow" else 0)


def test_formats_that_nobody_cleans_and_masks_in_dicom_are_left_out(source: Path, call: Call, tmp_path: Path) -> None:
    text = source.read_text().replace("{case_id}/ct.nii.gz", "{case_id}/ct.mha")
    source.write_text(text.replace("{case_id}/mask.nii.gz", "{case_id}/mask.dcm"))
    shutil.copy(next((source.parent / "Marjoribanks" / CASE / "mr").iterdir()),
                source.parent / "Marjoribanks" / CASE / "mask.dcm")  # fmt: skip
    (source.parent / "Marjoribanks" / CASE / "ct.mha").write_bytes(b"ObjectType = Image\nName = Whitcombe\n")
    answer = deidentify(call, source)
    assert answer.code == 4
    assert "ct: format_not_deidentified" in answer.json["failed"][CASE]
    assert "mask: mask_is_dicom" in answer.json["failed"][CASE]
    assert not (tmp_path / "copy" / "masks").exists()


def test_a_mixed_image_is_refused(source: Path, call: Call) -> None:
    folder = source.parent / "Marjoribanks" / "OP-70002321-A"
    write_image(Volume(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4), "MR"), folder / "mr")
    answer = deidentify(call, source)
    assert (answer.code, "DICOM in some cases" in answer.err) == (3, True)


@pytest.mark.parametrize("place", ["source/copy", "study.key", "full", "."])
def test_places_that_are_no_new_folder_apart_are_refused(place: str, source: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    before = folder_digests(tmp_path)
    assert deidentify(call, source, out=tmp_path / place).code == 2
    assert folder_digests(tmp_path) == before


def test_a_weak_or_open_key_is_refused_before_anything_is_read(source: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "source" / "table.csv").unlink()
    (tmp_path / "study.key").chmod(0o640)
    assert "chmod 600" in deidentify(call, source).err
    (tmp_path / "study.key").unlink()
    answer = deidentify(call, source)
    assert (answer.code, "openssl rand" in answer.err) == (3, True)


def test_a_table_without_images_becomes_one_too(source: Path, call: Call, tmp_path: Path) -> None:
    lines = source.read_text().splitlines(keepends=True)
    source.write_text("".join(line for line in lines if not line.startswith(("images", "  ct:", "  mr:", "mask"))))
    assert deidentify(call, source).code == 0
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {
        "table.csv", "dictionary.csv", "study.yaml", "deidentified.json"
    }  # fmt: skip
    assert load_study(tmp_path / "copy" / "study.yaml").name == "planted"


def test_a_case_can_be_sent_to_another_process_and_its_key_is_not_shown(source: Path, tmp_path: Path) -> None:
    study = load_study(source)
    person = Person(CASE, NAME, "p1", 5)
    task = CaseTask(person, case_inputs(study, [CASE])[CASE], Key(bytes.fromhex(KEY)), "refuse", tmp_path / "w")
    assert KEY[:8] not in repr(task)
    sent = pickle.loads(pickle.dumps(task))  # noqa: S301 - made here
    done = pickle.loads(pickle.dumps(write_case(sent)))  # noqa: S301 - made here
    assert {name: facts.files for name, facts in done.items()} == {"ct": 1, "mr": 4, "mask": 1}
