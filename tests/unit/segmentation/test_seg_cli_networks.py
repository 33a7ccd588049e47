"""`segmentation train | predict | evaluate`: the chain on phantoms, exit codes, and what is left on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.reading import read_header
from segmentation.outlining.inference import Segmenter
from tests.segmenter_studies import BLOCKS, write_cases


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of six cases, one of them damaged, a plan, and a network trained on the study."""
    folder = tmp_path_factory.mktemp("chain")
    write_cases(folder / "train", range(6))
    write_cases(folder / "test", range(10, 13))
    torn = folder / "train" / "imagesTr" / "case_05.nii.gz"
    torn.write_bytes(torn.read_bytes()[:500])
    (folder / "plan.json").write_text(json.dumps(BLOCKS.to_json()))
    trained = _run(
        "train", "--data", folder / "train", "--out", folder / "model", "--plan", folder / "plan.json", "--json"
    )
    assert trained.exit_code == 4, trained.output
    (folder / "answer.json").write_text(trained.stdout)
    return folder


def test_training_names_what_failed_and_leaves_one_file(made: Path) -> None:
    answer = json.loads((made / "answer.json").read_text())
    assert answer["failed"] == {"case_05": "damaged"} or list(answer["failed"]) == ["case_05"]
    assert answer["cases"] == 5
    assert answer["segmenter"] == Segmenter.from_bytes((made / "model").read_bytes()).name
    assert sorted(path.name for path in made.glob("*model*")) == ["model"]


def test_the_same_command_gives_the_same_file(made: Path, tmp_path: Path) -> None:
    done = _run("train", "--data", made / "train", "--out", tmp_path / "m", "--plan", made / "plan.json")
    assert done.exit_code == 4
    assert (tmp_path / "m").read_bytes() == (made / "model").read_bytes()


def test_masks_have_the_names_and_grids_of_the_images(made: Path, tmp_path: Path) -> None:
    images = made / "test" / "imagesTr"
    done = _run("predict", made / "model", "--input", images, "--output", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cases"] == 3
    masks = sorted(tmp_path.glob("*.nii.gz"))
    assert [path.name for path in masks] == sorted(path.name for path in images.iterdir())
    for path in masks:
        np.testing.assert_array_equal(read_header(path).grid.affine, read_header(images / path.name).grid.affine)
    one = _run("predict", made / "model", "--input", images / "case_10.nii.gz", "--output", tmp_path / "one")
    assert one.exit_code == 0
    assert (tmp_path / "one" / "case_10.nii.gz").read_bytes() == (tmp_path / "case_10.nii.gz").read_bytes()


def test_a_damaged_image_stops_no_folder(made: Path, tmp_path: Path) -> None:
    done = _run("predict", made / "model", "--input", made / "train" / "imagesTr", "--output", tmp_path, "--json")
    assert done.exit_code == 4
    assert list(json.loads(done.stdout)["failed"]) == ["case_05"]
    assert "case_05" in done.stderr
    assert len(list(tmp_path.glob("*.nii.gz"))) == 5


def test_masks_are_judged_against_given_ones(made: Path, tmp_path: Path) -> None:
    truth = made / "test" / "labelsTr"
    done = _run("evaluate", "--predictions", truth, "--truth", truth, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["cases"] == 3
    assert [answer["labels"]["2"][key] for key in ("dice", "low", "high")] == [1.0, 1.0, 1.0]
    assert answer["summary"]["dice"] == 1.0
    assert answer["summary"]["n"] == 3
    (tmp_path / "case_10.nii.gz").write_bytes((truth / "case_10.nii.gz").read_bytes())
    missing = _run("evaluate", "--predictions", tmp_path, "--truth", truth, "--json")
    assert missing.exit_code == 4
    assert sorted(json.loads(missing.stdout)["failed"]) == ["case_11", "case_12"]


def test_minutes_become_steps(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = "segmentation.learning.training.steps_within"
    monkeypatch.setattr(timed, lambda cases, plan, minutes, device: round(3 * minutes))
    words: tuple[Any, ...] = ("--data", made / "train", "--out", tmp_path / "m", "--plan", made / "plan.json", "--json")
    done = _run("train", *words, "--minutes", 1)
    assert json.loads(done.stdout)["plan"]["steps"] == 3
    assert _run("train", *words, "--minutes", 1, "--steps", 5).exit_code == 2


def test_wrong_options_end_with_2(made: Path, tmp_path: Path) -> None:
    assert _run("train", "--data", tmp_path / "none", "--out", tmp_path / "m").exit_code == 2
    assert _run("train", "--data", made / "train", "--out", tmp_path / "m", "--network", "resnet").exit_code == 2
    assert _run("predict", tmp_path / "none", "--input", made, "--output", tmp_path).exit_code == 2
    assert _run("evaluate", "--predictions", tmp_path / "none", "--truth", made).exit_code == 2


def test_refusals_end_with_3(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    images = made / "test" / "imagesTr"
    cases = {
        "no_layout": ("train", "--data", tmp_path, "--out", tmp_path / "m"),
        "no_gpu": ("train", "--data", made / "train", "--out", tmp_path / "m", "--device", "cuda"),
        "bad_plan": ("train", "--data", made / "train", "--out", tmp_path / "m", "--plan", made / "model"),
        "weights_damaged": ("predict", made / "plan.json", "--input", images, "--output", tmp_path / "o"),
        "no_cases": ("predict", made / "model", "--input", tmp_path, "--output", tmp_path / "o"),
    }
    for code, words in cases.items():
        done = _run(*words)
        assert done.exit_code == 3, (code, done.output)
        assert any(line.startswith(f"{code}: ") for line in done.stderr.splitlines())
        assert "next step" in done.stderr
    assert list(tmp_path.iterdir()) == []
