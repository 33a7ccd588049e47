"""What a study file means, and how it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from outcome.config import load_study, study_from_resolved, study_schema
from outcome.errors import ConfigRefusal

REPOSITORY = Path(__file__).parents[4]
MINIMAL: dict[str, Any] = {
    "schema_version": 1,
    "name": "ours",
    "title": "Our patients",
    "dictionary": "dictionary.csv",
    "table": {"format": "csv", "path": "table.csv"},
    "case_id": "case",
    "endpoints": {"stay": {"kind": "duration", "variable": "stay_days"}},
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "study.yaml"
    document = {key: value for key, value in {**MINIMAL, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump(document))
    return path


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigRefusal) as caught:
        load_study(path, overrides)
    return str(caught.value)


def test_defaults_fill_what_is_left_out(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    assert study.partitions["development"].relation == "development"
    assert study.training.outer_folds == 5
    assert study.root == tmp_path
    assert study.dictionary == tmp_path / "dictionary.csv"
    assert study.mask is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tabel": {}}, "top level: unknown key 'tabel', did you mean 'table'?"),
        ({"training": {"sed": 3}}, "training: unknown key 'sed', did you mean 'seed'?"),
        ({"table": {"format": "csv", "pth": "x"}}, "table: unknown key 'pth', did you mean 'path'?"),
        (
            {"inclusion": [{"variable": "age", "atleast": 18}]},
            "inclusion.0: unknown key 'atleast', did you mean 'at_least'?",
        ),
        ({"case_id": None}, "case_id: Field required"),
        ({"name": "Our Study"}, "name:"),
        ({"name": "../up"}, "name:"),
        ({"endpoints": {}}, "endpoints:"),
        ({"training": {"outer_folds": 1}}, "training.outer_folds:"),
        ({"table": {"format": "sql", "path": "x"}}, "format sql needs url and query"),
        ({"table": {"format": "csv", "path": "/etc/passwd"}}, "stay inside it"),
        ({"table": {"format": "csv", "path": "../x.csv"}}, "stay inside it"),
        ({"images": {"ct": "ct.nii.gz"}}, "must contain {case_id}"),
        ({"mask": {"pattern": "{case_id}.nii", "on": "ct", "regions": {"a": 1}}}, "mask.on names 'ct'"),
        ({"mask": {"pattern": "{case_id}.nii", "regions": {"a": 1, "b": 1}}}, "share a label"),
        ({"subgroups": [{"variable": "age", "cut": [70, 60]}]}, "cut points must rise"),
        ({"inclusion": [{"variable": "age"}]}, "exactly one of"),
        ({"inclusion": [{"variable": "age", "above": 1, "below": 3}]}, "found above, below"),
        ({"endpoints": {"x": {"kind": "binary"}}}, "exactly one of event, all_of, any_of"),
        ({"endpoints": {"x": {"kind": "survival"}}}, "endpoints.x:"),
        ({"title": "for ${USER}"}, "expanded in two places only"),
        ({"title": "TODO"}, "1 place(s) that wait for a person"),
    ],
)
def test_a_wrong_study_is_refused_with_its_place(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(write(tmp_path, **changes))


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, tabel=1, training={"sed": 1, "seed": -1}, name="A"))
    assert "tabel" in message
    message = refusal(write(tmp_path, training={"seed": -1, "outer_folds": 0}, name="A"))
    assert all(place in message for place in ("name:", "training.seed:", "training.outer_folds:", "3 problem(s)"))


def test_overrides_replace_single_values_and_are_checked_like_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, subgroups=[{"variable": "age", "cut": [60]}])
    study = load_study(path, ["training.seed=3", "subgroups.0.cut=[65, 75]", "title='Other: words'"])
    assert (study.training.seed, study.subgroups[0].cut, study.title) == (3, (65, 75), "Other: words")
    assert "did you mean 'seed'" in refusal(path, "training.sed=3")
    assert "a.b=c" in refusal(path, "training.seed")
    assert "no place '7'" in refusal(path, "subgroups.7.cut=[1]")
    assert "not YAML" in refusal(path, "title=[")


def test_an_override_never_runs_anything(tmp_path: Path) -> None:
    assert "not YAML" in refusal(write(tmp_path), "title=!!python/object/apply:os.system ['true']")


def test_environment_reaches_root_and_url_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_ROOT", str(tmp_path / "data"))
    assert load_study(write(tmp_path, root="${OURS_ROOT}/a")).root == tmp_path / "data" / "a"
    monkeypatch.delenv("OURS_ROOT")
    assert "${OURS_ROOT}" in refusal(write(tmp_path, root="${OURS_ROOT}/a"))
    table = {"format": "sql", "url": "sqlite:///${OURS_DB}", "query": "select 1"}
    assert "${OURS_DB}" in refusal(write(tmp_path, table=table))


def test_the_resolved_study_holds_no_root_path_or_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_PASSWORD", "hunter2")
    for password in ("${OURS_PASSWORD}", "hunter2"):
        url = f"postgresql://reader:{password}@host/db"
        study = load_study(write(tmp_path, table={"format": "sql", "url": url, "query": "select 1"}))
        text = json.dumps(study.resolved())
        assert "hunter2" not in text
        assert str(tmp_path) not in text
        assert "root" not in study.resolved()


def test_a_resolved_study_reads_back_equal(tmp_path: Path) -> None:
    study = load_study(REPOSITORY / "configs" / "template.yaml")
    assert study_from_resolved(study.resolved()).resolved() == study.resolved()
    assert study_from_resolved(study.resolved(), tmp_path).root == tmp_path


def test_words_that_plain_yaml_would_turn_into_yes_and_no_stay_words(tmp_path: Path) -> None:
    path = write(tmp_path, images={"ct": "{case_id}.nii"})
    path.write_text(
        path.read_text()
        + "mask: {pattern: 'm/{case_id}.nii', on: ct, regions: {liver: 1}}\n"
        + "inclusion: [{variable: site, one_of: [NO, SE]}]\n"
    )
    study = load_study(path)
    assert study.mask is not None
    assert study.mask.on == "ct"
    assert study.inclusion[0].one_of == ("NO", "SE")


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + "title: another\n")
    assert "key written twice: title" in refusal(path)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [\n", "a: !!python/name:os.system\n"])
def test_a_file_that_is_no_study_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    assert refusal(tmp_path / "study.yaml")
    assert "does not exist" in refusal(tmp_path / "none.yaml")


def test_definitions_say_in_words_what_is_counted() -> None:
    endpoints = load_study(REPOSITORY / "configs" / "template.yaml").endpoints
    assert endpoints["major_complication"].definition == "clavien at least 3a, within 90 days after surgery"
    assert endpoints["textbook_outcome"].definition == (
        "all of: no major complication; stay of 7 days or less; alive at 90 days"
    )
    assert endpoints["recurrence"].definition == (
        "time from surgery to: first event is recurrence; censored at last contact (recurrence months); "
        "competing event: first event is death; risk stated at 365, 1095 days"
    )


def test_the_exported_schema_is_fresh_and_describes_every_key() -> None:
    written = json.loads((REPOSITORY / "configs" / "study.schema.json").read_text())
    assert written == study_schema()
    assert set(written["properties"]) >= {"table", "endpoints", "partitions", "training"}


def test_a_study_cannot_be_changed(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        study.title = "other"
