"""`segmentation train | predict | evaluate | datasets` on coloured pictures, as on volumes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.datasets.layouts import LAYOUTS
from tests.layout_twins import TWINS, picture

PLAN = "network: unet_2d\nsteps: 3\nbatch: 2\nchannels: [4, 8]\npatch: [16, 16, 1]\n"


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def _lesions(folder: Path) -> Path:
    """Six red discs on skin, ISIC naming; the last mask is smoothed, the one before of another size."""
    rng = np.random.default_rng(0)
    for number in range(6):
        middle = rng.uniform(8, 24, 2)
        disc = np.hypot(*(np.indices((32, 40)) - middle[:, None, None])) < 7
        colour = np.where(disc[..., None], [150, 30, 30], [220, 190, 180]) + rng.normal(0, 5, (32, 40, 3))
        picture(folder / "images" / f"s_{number:04d}.png", colour.clip(0, 255).astype(np.uint8))
        mask = (disc * 255).astype(np.uint8)
        mask = {4: mask[:-2], 5: np.maximum(mask, 9)}.get(number, mask)
        picture(folder / "masks" / f"s_{number:04d}_segmentation.png", mask)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "plan.yaml").write_text(PLAN)
    data = _lesions(folder / "data")
    words = ("train", "--data", data, "--out", folder / "model", "--plan", folder / "plan.yaml", "--device", "cpu")
    trained = _run(*words, "--json")
    assert trained.exit_code == 4, trained.output
    (folder / "answer.json").write_text(trained.stdout)
    assert "read as isic" in trained.stderr
    return folder


def test_a_bad_picture_is_named_and_the_plan_knows_the_channels(made: Path) -> None:
    answer = json.loads((made / "answer.json").read_text())
    assert answer["failed"] == {"s_0004": "grid_mismatch", "s_0005": "grey_mask"}
    assert answer["cases"] == 4
    assert answer["plan"]["inputs"] == ["red", "green", "blue"]
    assert answer["plan"]["regions"] == {"lesion": 1}
    assert answer["plan"]["neighbours"] == 0


def test_masks_come_back_as_pictures_of_the_images_size_and_are_judged(made: Path, tmp_path: Path) -> None:
    done = _run("predict", made / "model", "--input", made / "data", "--output", tmp_path, "--device", "cpu", "--json")
    assert done.exit_code == 0, done.output
    from_images = _run("predict", made / "model", "--input", made / "data" / "images", "--output", tmp_path / "b")
    assert from_images.exit_code == 0, from_images.output
    for number in range(6):
        name = f"s_{number:04d}.png"
        with Image.open(tmp_path / name) as mask:
            assert mask.size == (40, 32)
            assert set(np.unique(np.asarray(mask))) <= {0, 255}
        assert (tmp_path / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    judged = _run("evaluate", "--predictions", tmp_path, "--truth", made / "data", "--json")
    assert judged.exit_code == 4, judged.output
    found = json.loads(judged.stdout)
    assert found["cases"] == 4
    assert found["labels"]["1"]["metrics"]["hausdorff_mm"]["value"] is None
    assert "pixel sizes are not known" in judged.stderr


def test_grey_pictures_are_refused_by_a_network_of_colours(made: Path, tmp_path: Path) -> None:
    picture(tmp_path / "grey" / "a.png", np.arange(144, dtype=np.uint8).reshape(12, 12))
    done = _run("predict", made / "model", "--input", tmp_path / "grey", "--output", tmp_path / "out", "--json")
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["failed"] == {"a": "wrong_channels"}


def test_layouts_are_listed_and_a_folder_is_described(tmp_path: Path) -> None:
    assert set(json.loads(_run("datasets", "--json").stdout)) == set(LAYOUTS)
    TWINS["lidc"](tmp_path)
    found = json.loads(_run("datasets", "--data", tmp_path, "--json").stdout)
    assert (found["layout"], found["cases"], found["patients"]) == ("lidc", 3, 2)
    (tmp_path / "votes" / "LIDC-IDRI-0002_nodule-0_s3.png").unlink()
    some = _run("datasets", "--data", tmp_path, "--json")
    assert some.exit_code == 4
    assert json.loads(some.stdout)["failed"] == {"LIDC-IDRI-0002_nodule-0_s3": "missing_mask"}
    assert _run("datasets", "--data", tmp_path, "--layout", "kits").exit_code == 3
    assert _run("datasets", "--data", tmp_path / "none").exit_code == 2


def test_an_unknown_label_and_another_number_of_channels_stop_no_set(tmp_path: Path) -> None:
    data = _lesions(tmp_path / "data")
    picture(data / "masks" / "s_0000_segmentation.png", np.full((32, 40), 7, dtype=np.uint8))
    picture(data / "images" / "s_0001.png", np.arange(1280, dtype=np.uint16).reshape(32, 40).astype(np.uint8))
    (tmp_path / "plan.yaml").write_text(PLAN)
    words = ("--data", data, "--out", tmp_path / "m", "--plan", tmp_path / "plan.yaml", "--json")
    done = _run("train", *words)
    assert done.exit_code == 4, done.output
    failed = json.loads(done.stdout)["failed"]
    assert (failed["s_0000"], failed["s_0001"]) == ("unknown_label", "wrong_channels")
