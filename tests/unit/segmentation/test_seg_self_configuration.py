"""From a folder to a plan a person can read: fingerprint, rules, memory, splits, folds, and their commands."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.errors import ImageRefusal
from segmentation.learning.splits import patient_folds, three_way
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.fingerprint import Survey, fingerprint
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import completed, plan_text, read_plan
from segmentation.planning.rules import default_plan, survey, within_memory
from tests.segmenter_studies import BLOCKS, SLICES, patient, write_cases

SMALL = replace(BLOCKS, patch=(16, 16, 16), channels=(4, 8), steps=2)
MEASURE = """
import json, sys
import numpy as np, torch
from segmentation.augmentation.augment import Source
from segmentation.scarce_labels.lesson import Beginning
from segmentation.device import peak_bytes
from segmentation.planning.memory import step_memory
from segmentation.planning.plan import SegmenterPlan
from segmentation.learning.trainer import trainer_of
for text in sys.argv[1:]:
    plan = SegmenterPlan.from_json(json.loads(text))
    told, shape = step_memory(plan).total, (40, 40, 40)
    classes = torch.randint(0, 3, shape).to(torch.uint8)
    source = Source("a", "a", torch.randn(1, *shape), classes, {1: np.argwhere(classes.numpy() == 1)}, (1, 1, 1))
    with open("/proc/self/status") as file:
        before = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    with trainer_of(plan, Beginning([source]), "cpu") as trainer:
        trainer.step(0)
        trainer.step(1)
    print(told, peak_bytes() - 1024 * before)
"""


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TrainingCase]]:
    folder = tmp_path_factory.mktemp("study")
    cases = write_cases(folder, range(6))
    (folder / "plan.yaml").write_text(plan_text(SMALL))
    return folder, cases


def _survey(shape: tuple[int, int, int], spacing: tuple[float, float, float], lowest: float = 0.0) -> Survey:
    nowhere = TrainingCase("a", (Path("a"),), Path("a"))
    return Survey(nowhere, shape, spacing, frozenset({1, 2}), lowest, 1, {1: 30, 2: 10}, (1.0, 2.0, 3.0, 2.0, 0.5))


def test_a_survey_counts_labels_and_looks_inside_them(study: tuple[Path, list[TrainingCase]]) -> None:
    volume, mask = patient(0)
    one = survey(study[1][0])
    assert one.voxels == {label: int((mask.labels == label).sum()) for label in (1, 2)}
    values = volume.array[mask.labels > 0]
    np.testing.assert_allclose(one.inside[1], np.median(values), atol=1)
    np.testing.assert_allclose(one.inside[3:], [values.mean(), values.std()], rtol=1e-3)


def test_a_fingerprint_by_hand() -> None:
    found = [_survey((10, 10, 4), (1, 1, 3)), _survey((10, 20, 6), (1, 1, 5), -900), _survey((10, 12, 5), (1, 1, 4))]
    seen = fingerprint(found)
    assert (seen.shape, seen.smallest, seen.largest) == ((10, 12, 5), (10, 10, 4), (10, 20, 6))
    assert (seen.spacing_mm, seen.anisotropy, seen.modality) == ((1, 1, 4), 4.0, "other")
    assert seen.class_shares == {"1": round(90 / 2200, 6), "2": round(30 / 2200, 6)}
    assert fingerprint(found[::-1]) == seen
    assert fingerprint(found, ct=True).modality == "ct"


def test_thick_slices_are_read_one_by_one() -> None:
    assert default_plan([_survey((64, 64, 20), (1, 1, 2.9))], network=None).network == "unet_3d"
    assert default_plan([_survey((64, 64, 20), (1, 1, 3))], network=None).network == "unet_2d"
    assert default_plan([_survey((64, 64, 1), (1, 1, 1))], network=None).network == "unet_2d"


def test_slices_share_their_dice_but_where_the_network_has_a_loss_of_its_own() -> None:
    found = [_survey((64, 64, 20), (1, 1, 5))]
    slices = default_plan(found, network="unet_2d")
    losses = [slices.loss, *(default_plan(found, network=name).loss for name in ("unet_3d", "mask_rcnn_2d"))]
    assert losses == ["batch_dice_and_cross_entropy", "dice_and_cross_entropy", "dice_and_cross_entropy"]
    assert completed({"heads": {"both": ["1", "2"], "inner": ["2"]}}, slices).loss == "dice_and_cross_entropy"


@pytest.mark.parametrize("plan", [BLOCKS, SLICES, replace(BLOCKS, class_weights=(1, 2, 3), voxel=(1, 1, 2.5))])
def test_a_plan_survives_its_file_with_a_fingerprint_beside_it(plan: SegmenterPlan, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(plan_text(plan, fingerprint([_survey((9, 9, 9), (1, 1, 1))])))
    assert SegmenterPlan.from_json(read_plan(tmp_path / "plan.yaml")) == plan
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    assert SegmenterPlan.from_json(read_plan(tmp_path / "plan.json")) == plan


def test_a_file_may_say_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("ema: 0.9\nloss: focal\n")
    assert completed(read_plan(path), BLOCKS) == replace(BLOCKS, ema=0.9, loss="focal")
    for wrong, word in (("lerning_rate: 1", "learning_rate"), ("[1]", "list"), ("a: [", "Error"), ("\x00", "Error")):
        path.write_text(wrong)
        with pytest.raises(ImageRefusal, match="plan") as refused:
            read_plan(path)
        assert word in refused.value.found


def test_a_plan_is_made_smaller_until_it_fits() -> None:
    from segmentation.planning.memory import step_memory

    plan = replace(BLOCKS, patch=(24, 24, 24), channels=(8, 16), batch=4)
    whole, least = step_memory(plan).total, step_memory(replace(plan, patch=(8, 8, 8), batch=1)).total
    assert within_memory(plan, whole) == plan
    fitted = within_memory(plan, least + (whole - least) / 8)
    assert step_memory(fitted).total <= least + (whole - least) / 8
    assert fitted.batch == 1
    assert within_memory(plan, step_memory(replace(plan, batch=2)).total).patch == plan.patch
    with pytest.raises(ImageRefusal) as refused:
        within_memory(plan, 1e6)
    assert refused.value.code == "too_large"


def test_a_step_takes_no_more_memory_than_predicted() -> None:
    plans = [
        replace(BLOCKS, patch=(32, 32, 32), channels=(16, 32), precision=precision, ema=0.9)
        for precision in ("auto", "full")
    ]
    plans += [replace(SLICES, patch=(64, 64, 1), channels=(16, 32), batch=8)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *(plan.to_text() for plan in plans)], capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        told, taken = map(int, line.split())
        assert told >= taken
        assert told < 300e6 + 4 * taken


@given(st.lists(st.integers(0, 12), min_size=6, max_size=40), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_no_patient_is_in_two_parts(owners: list[int], folds: int, seed: int) -> None:
    cases = [TrainingCase(f"c{n}", (Path("a"),), Path("a"), f"p{owner}") for n, owner in enumerate(owners)]
    if len(set(owners)) < max(3, folds):
        return
    parts = patient_folds(cases, folds, seed)
    split = three_way(cases, seed)
    for shared_out in (parts, [split.learn, split.stop, split.judge]):
        assert sorted(case.case_id for part in shared_out for case in part) == sorted(case.case_id for case in cases)
        patients = [{case.patient for case in part} for part in shared_out]
        assert sum(map(len, patients)) == len(set(owners))
        assert all(patients)
    assert max(len({c.patient for c in p}) for p in parts) - min(len({c.patient for c in p}) for p in parts) <= 1


def test_seventy_fifteen_fifteen() -> None:
    cases = [TrainingCase(f"c{n}", (Path("a"),), Path("a")) for n in range(100)]
    split = three_way(cases, 0)
    assert [len(part) for part in (split.learn, split.stop, split.judge)] == [70, 15, 15]
    assert three_way(cases, 1) != split
    with pytest.raises(ImageRefusal, match="too few"):
        three_way(cases[:2], 0)


def test_plan_writes_what_train_reads(study: tuple[Path, list[TrainingCase]], tmp_path: Path) -> None:
    out = tmp_path / "plan.yaml"
    done = _run("plan", "--data", study[0], "--out", out, "--memory-gb", 1, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["memory_gb"] <= 1
    assert answer["fingerprint"]["modality"] == "ct"
    assert yaml.safe_load(out.read_text())["fingerprint"]["cases"] == 6
    assert SegmenterPlan.from_json(read_plan(out)).to_json() == answer["plan"]
    assert _run("plan", "--data", study[0], "--out", out, "--memory-gb", 0.05).exit_code == 3
    assert _run("plan", "--data", study[0], "--out", out, "--network", "resnet").exit_code == 2


def test_folds_judge_every_case_by_a_model_that_never_saw_it(
    study: tuple[Path, list[TrainingCase]], tmp_path: Path
) -> None:
    words = ("train", "--data", study[0], "--plan", study[0] / "plan.yaml", "--out", tmp_path / "m", "--json")
    done = _run(*words, "--folds", 2)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert sorted(answer["dice"]) == sorted(answer["fold_of"]) == [case.case_id for case in study[1]]
    assert sorted(path.name for path in (tmp_path / "m").glob("*.safetensors")) == [
        "fold_1.safetensors",
        "fold_2.safetensors",
    ]
    rows = [np.mean(list(row.values())) for row in answer["dice"].values()]
    assert answer["mean_dice"]["all"] == pytest.approx(np.mean(rows))
    again = json.loads(_run(*words, "--folds", 2).stdout)
    assert again == answer
    assert _run(*words, "--folds", 7).exit_code == 3
    assert _run(*words, "--folds", 2, "--split").exit_code == 2


def test_a_split_is_judged_by_the_last_part(study: tuple[Path, list[TrainingCase]], tmp_path: Path) -> None:
    words = ("train", "--data", study[0], "--plan", study[0] / "plan.yaml", "--out", tmp_path / "m", "--json")
    done = _run(*words, "--split", "--precision", "full")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["split"] == {"learn": 4, "stop": 1, "judge": 1}
    assert list(answer["dice"]) == [case.case_id for case in three_way(study[1], SMALL.seed).judge]
    assert answer["plan"]["precision"] == "full"
