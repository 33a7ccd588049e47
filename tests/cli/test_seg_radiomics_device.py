"""`segmentation radiomics --device`: all regions at once, with the values of one by one."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.radiomics import batched


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    labels = np.zeros((16, 14, 12), dtype=np.uint8)
    labels[3:8, 3:9, 2:9] = 1
    labels[10:14, 4:9, 4:8] = 2
    for name, array in (("ct", rng.normal(40, 30, labels.shape).round().astype(np.float32)), ("mask", labels)):
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    files = [str(tmp_path / f"{name}.nii.gz") for name in ("ct", "mask")]
    return ["radiomics", *files, "--profile", "ibsi", "--region", "tumor=1", "--region", "cyst=2", "--json"]


def test_on_another_device_as_on_the_processor(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = json.loads(CliRunner().invoke(app, words).stdout)["features"]
    seen = []

    def on_the_processor(asked: str) -> str:
        seen.append(asked)
        return "cpu"

    command = importlib.import_module("segmentation.cli.radiomics")  # the package's name is the function
    monkeypatch.setattr(command, "choose_device", lambda asked: asked)
    monkeypatch.setattr(batched, "choose_device", on_the_processor)
    answer = CliRunner().invoke(app, [*words, "--device", "cuda"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["features"] == pytest.approx(plain, rel=1e-9, abs=1e-9)
    assert seen == ["cuda"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is at hand")
def test_a_gpu_that_is_not_there_is_refused(words: list[str]) -> None:
    answer = CliRunner().invoke(app, [*words, "--device", "cuda"])
    assert answer.exit_code == 3
    assert "no_gpu" in answer.stderr
