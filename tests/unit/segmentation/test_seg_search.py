"""A search: the same seed gives the same trials, a killed one goes on to the same bytes and reads no other's trials."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.errors import ImageRefusal
from segmentation.images.writing import write_image, write_mask
from segmentation.learning import search as searching
from segmentation.learning.search import Search, Trial, search
from segmentation.learning.training import TrainingSetup
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import plan_text, read_plan
from tests.segmenter_studies import BLOCKS, patient, write_cases

SMALL = replace(BLOCKS, patch=(16, 16, 16), channels=(4, 8), steps=2)
LONG = replace(SMALL, steps=100)
CHECKS = (25, 50, 75, 100)


class _KilledError(Exception):
    pass


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TrainingCase]]:
    folder = tmp_path_factory.mktemp("searched")
    cases = write_cases(folder, range(6))
    (folder / "plan.yaml").write_text(plan_text(SMALL))
    return folder, cases


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[SegmenterPlan]:
    """The plans that are trained, by a formula in place of a training: it rises, falls short or runs away."""
    seen: list[SegmenterPlan] = []

    def learn(_: Sequence[TrainingCase], plan: SegmenterPlan, setup: TrainingSetup) -> None:
        seen.append(plan)
        assert setup.judged is not None
        reached = 0.9 - 0.1 * abs(math.log10(plan.learning_rate) + 2) - 0.05 * (plan.loss == "focal")
        slow = 1.1 if plan.schedule == "cosine" else 0.9
        for step in CHECKS:
            setup.judged(step, reached * (step / 100) ** slow)
            if plan.optimizer == "sgd" and plan.schedule == "polynomial" and plan.learning_rate > 0.02:
                raise ImageRefusal("training_diverged", "The training ran away.")

    monkeypatch.setattr(searching, "train", learn)
    return seen


def _kill_after(number: int) -> Callable[[Trial, bool], None]:
    def told(trial: Trial, _: bool) -> None:
        if trial.number == number:
            raise _KilledError

    return told


def _same(one: Search, other: Search) -> bool:
    return repr(one) == repr(other)  # nan is not itself


def test_a_search_starts_with_the_plan_and_a_longer_one_goes_on_from_it(
    study: tuple[Path, list[TrainingCase]], tmp_path: Path
) -> None:
    words = ("search", "--data", study[0], "--plan", study[0] / "plan.yaml", "--device", "cpu", "--json")
    done = _run(*words, "--out", tmp_path / "whole.yaml", "--trials", 3)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [row["number"] for row in answer["trials"]] == [0, 1, 2]
    assert answer["trials"][0]["changes"] == {}
    best = max(answer["trials"], key=lambda row: row["score"])
    plan = SegmenterPlan.from_json(read_plan(tmp_path / "whole.yaml"))
    assert plan == replace(SMALL, **best["changes"])
    assert _run(*words, "--out", tmp_path / "parts.yaml", "--trials", 2).exit_code == 0
    again = _run(*words, "--out", tmp_path / "parts.yaml", "--trials", 3)
    assert again.stdout == done.stdout
    assert again.stderr.count("done before") == 2
    for name in ("", ".trials"):
        whole, parts = (tmp_path / f"{stem}.yaml{name}" for stem in ("whole", "parts"))
        assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("killed_after", [0, 1, 5, 9, 12])
def test_a_killed_search_goes_on_to_the_same_table(
    killed_after: int, study: tuple[Path, list[TrainingCase]], tried: list[SegmenterPlan], tmp_path: Path
) -> None:
    whole = search(study[1], LONG, 14, record=tmp_path / "whole")
    assert {trial.ended for trial in whole.trials} == {"done", "stopped early", "training_diverged"}
    with pytest.raises(_KilledError):
        search(study[1], LONG, 14, record=tmp_path / "killed", told=_kill_after(killed_after))
    tried.clear()
    before: list[bool] = []
    again = search(study[1], LONG, 14, record=tmp_path / "killed", told=lambda _, known: before.append(known))
    assert _same(again, whole)
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sum(before) == killed_after + 1
    assert len(tried) == 14 - sum(before)
    assert _same(search(study[1], LONG, 14), whole)


def test_a_shorter_search_is_the_beginning_of_a_longer_one(
    study: tuple[Path, list[TrainingCase]], tried: list[SegmenterPlan], tmp_path: Path
) -> None:
    record = tmp_path / "trials"
    whole = search(study[1], LONG, 14, record=record)
    content = record.read_bytes()
    tried.clear()
    for trials in (1, 4, 9):
        alone, short = search(study[1], LONG, trials), search(study[1], LONG, trials, record=record)
        assert _same(short, alone)
        assert repr(short.trials) == repr(whole.trials[:trials])
    assert len(tried) == 1 + 4 + 9
    assert record.read_bytes() == content


@pytest.mark.parametrize("change", [{"seed": 4}, {"steps": 101}, {"batch": 1}, {"augmentation": {"blur": 0.5}}])
def test_trials_of_another_plan_are_not_read(
    change: dict[str, Any], study: tuple[Path, list[TrainingCase]], tried: list[SegmenterPlan], tmp_path: Path
) -> None:
    record = tmp_path / "best.yaml.trials"
    search(study[1], LONG, 2, record=record)
    content = record.read_bytes()
    other = SegmenterPlan.from_json({**LONG.to_json(), **change})
    assert other != LONG
    _refused(study[1], other, record, "trials_mismatch", "another plan")
    assert record.read_bytes() == content
    assert len(tried) == 2


def test_trials_on_other_cases_are_not_read(
    study: tuple[Path, list[TrainingCase]], tried: list[SegmenterPlan], tmp_path: Path
) -> None:
    record = tmp_path / "best.yaml.trials"
    search(study[1], LONG, 1, record=record)
    moved = write_cases(tmp_path, range(6))
    search(moved[::-1], LONG, 2, record=record)
    assert len(tried) == 2
    mask = patient(0)[1]
    labels = mask.labels.copy()
    labels[0, 0, 0] = 1
    write_mask(replace(mask, labels=labels), moved[0].mask)
    owned = [replace(case, patient_id="a" if number < 2 else "") for number, case in enumerate(study[1])]
    for cases in (moved, study[1][:5], owned):
        _refused(cases, LONG, record, "trials_mismatch", "other cases")


def test_a_damaged_file_is_refused_with_words(
    study: tuple[Path, list[TrainingCase]], tried: list[SegmenterPlan], tmp_path: Path
) -> None:
    record = tmp_path / "best.yaml.trials"
    search(study[1], LONG, 3, record=record)
    good = record.read_text()
    edited = json.loads(good)
    edited["trials"][1]["checks"][-1][1] = 0.99
    fewer = json.loads(good)
    del fewer["trials"][1]
    for bad in ("", good[:-40], "[]", "{}", "\x00", json.dumps(edited), json.dumps(fewer)):
        record.write_text(bad)
        _refused(study[1], LONG, record, "trials_damaged", "delete this one")
    record.write_bytes(b"\xff\xfe")
    _refused(study[1], LONG, record, "trials_damaged", "best.yaml.trials")
    assert len(tried) == 3


def test_variants_that_are_not_proposed_any_more_are_refused(
    study: tuple[Path, list[TrainingCase]],
    tried: list[SegmenterPlan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search(study[1], LONG, 3, record=tmp_path / "trials")
    monkeypatch.setattr(searching, "_WEIGHT_DECAY", (1e-5, 1e-3))
    _refused(study[1], LONG, tmp_path / "trials", "trials_mismatch", "trial 1")
    assert len(tried) == 3


def test_a_trial_without_memory_is_not_written_down(
    study: tuple[Path, list[TrainingCase]],
    tried: list[SegmenterPlan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, learn = search(study[1], LONG, 4), searching.train

    def crowded(cases: Sequence[TrainingCase], plan: SegmenterPlan, setup: TrainingSetup) -> Any:
        if len(tried) == 6:
            raise ImageRefusal("too_large", "Too little memory.")
        return learn(cases, plan, setup)

    with monkeypatch.context() as patched:
        patched.setattr(searching, "train", crowded)
        _refused(study[1], LONG, tmp_path / "trials", "too_large", "memory")
    assert len(json.loads((tmp_path / "trials").read_text())["trials"]) == 2
    assert _same(search(study[1], LONG, 4, record=tmp_path / "trials"), whole)


def _refused(cases: Sequence[TrainingCase], plan: SegmenterPlan, record: Path, code: str, words: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        search(cases, plan, 4, record=record)
    assert refused.value.code == code
    assert words in str(refused.value)


def test_a_published_layout_is_searched_over(tried: list[SegmenterPlan], tmp_path: Path) -> None:
    write_cases(tmp_path / "data", range(6))
    for number in range(5):
        volume, mask = patient(number)
        folder = tmp_path / "data" / f"case_{number:05d}"
        folder.mkdir()
        write_image(volume, folder / "imaging.nii.gz")
        write_mask(mask, folder / "segmentation.nii.gz")
    words = ("search", "--data", tmp_path / "data", "--out", tmp_path / "best.yaml", "--trials", 8, "--json")
    vague = _run(*words)
    assert vague.exit_code == 3
    assert "several_layouts" in vague.stderr
    assert _run(*words, "--layout", "kit").exit_code == 3
    assert tried == []
    done = _run(*words, "--layout", "kits")
    assert done.exit_code == 0, done.output
    assert "kits: 5 cases" in done.stderr
    assert {"kidney", "tumour", "cyst"} <= set(tried[0].regions)
    plan = SegmenterPlan.from_json(read_plan(tmp_path / "best.yaml"))
    assert plan.regions == tried[0].regions


def test_the_answer_is_json_where_a_trial_failed(
    study: tuple[Path, list[TrainingCase]], tried: list[SegmenterPlan], tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(plan_text(LONG))
    words = ("search", "--data", study[0], "--plan", tmp_path / "plan.yaml", "--out", tmp_path / "best.yaml")
    done = _run(*words, "--trials", 14, "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))["trials"]
    assert [row["score"] for row in rows if row["ended"] == "training_diverged"]
    assert all((row["score"] is None) == (row["ended"] == "training_diverged") for row in rows)
    (tmp_path / "plan.yaml").write_text(plan_text(replace(LONG, seed=5)))
    other = _run(*words)
    assert other.exit_code == 3
    assert "trials_mismatch" in other.stderr
