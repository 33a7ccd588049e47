"""Gliomas in four MR sequences: from the published folder through training and prediction to whole, core and enhancing.

Two patients: this shows that the chain runs on such files, never how well.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan
from segmentation.outlining.inference import Segmenter

CONFIG = Path(__file__).parents[2] / "configs" / "segmentation" / "inception_unet_brats.yaml"
SMALL = {"patch": [32, 32, 16], "channels": [4, 8, 8], "voxel": [4.0, 4.0, 1.0], "batch": 1, "steps": 3}


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.real
def test_four_sequences_are_learned_drawn_and_judged_as_nested_regions(real_data: Path, tmp_path: Path) -> None:
    data = real_data / "brats_subvolumes"
    said = yaml.safe_load(CONFIG.read_text())
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({**said, **SMALL}))
    done = _run("train", "--data", data, "--plan", tmp_path / "plan.yaml", "--out", tmp_path / "model", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["plan"]["heads"] == said["heads"]

    masks = tmp_path / "masks"
    assert _run("predict", tmp_path / "model", "--input", data / "imagesTr", "--output", masks).exit_code == 0
    labels = "whole=1+2+3,core=2+3,enhancing=3"
    words = ("--predictions", masks, "--truth", data / "labelsTr", "--labels", labels, "--without-mm", "--json")
    judged = _run("evaluate", *words)
    assert judged.exit_code == 0, judged.output
    answer = json.loads(judged.stdout)
    assert answer["cases"] == 4
    assert list(answer["labels"]) == ["whole", "core", "enhancing"]

    name = "BRATS_009_01.nii.gz"
    model = Segmenter.from_bytes((tmp_path / "model").read_bytes())
    scores = model.scores(read_scan((data / "imagesTr" / name,)))
    np.testing.assert_allclose(np.exp(scores).sum(axis=0), 1, atol=0.05)  # means of log shares over windows
    drawn = read_mask(masks / name, model.regions)
    assert set(np.unique(drawn.labels)) <= {0, 1, 2, 3}
