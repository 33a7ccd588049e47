"""`segmentation prepare | augment | refine | explain` on files, and what they refuse."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.reading import read_image, read_mask
from segmentation.images.writing import write_mask
from segmentation.learning.training import first_network
from segmentation.outlining.inference import Segmenter
from segmentation.types import Mask
from tests.segmenter_studies import PLANS, patient, write_cases


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_cases(folder, range(2))
    return folder


def _run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_prepare_writes_what_the_plan_would_read(data: Path, tmp_path: Path) -> None:
    image, out = data / "imagesTr" / "case_00.nii.gz", tmp_path / "p.nii.gz"
    code, text, _ = _run("prepare", image, "--steps", "median,crop=0", "--intensity", "hu", "--out", out, "--json")
    assert code == 0
    told, written, filed = json.loads(text), read_image(out), read_image(image)
    assert told["shape"] == list(written.array.shape)
    assert (written.array.min(), written.array.max()) == (-1, 1)
    np.testing.assert_allclose(written.affine[:3, 3], (filed.affine @ [*told["first_voxel"], 1])[:3], rtol=1e-5)
    around = ["--around", data / "labelsTr" / "case_00.nii.gz", "--margin", "0"]
    assert _run("prepare", image, *around, "--out", out)[0] == 0
    assert np.prod(read_image(out).array.shape) < np.prod(written.array.shape)


def test_augment_writes_patches_and_what_was_drawn(data: Path, tmp_path: Path) -> None:
    words = ("augment", "--data", data, "--network", "unet_2d", "--strength", "strong", "--number", "3", "--json")
    code, text, _ = _run(*words, "--out", tmp_path / "a")
    assert code == 0
    assert json.loads(text)["milliseconds_a_patch"] > 0
    rows = list(csv.DictReader((tmp_path / "a" / "drawn.csv").read_text().splitlines()))
    assert [row["case"] for row in rows] == ["case_00", "case_01", "case_00"]
    assert len({row["middle"] for row in rows}) == 3
    for row in rows:
        image = read_image(tmp_path / "a" / f"{row['patch']}_0000.nii.gz")
        assert read_mask(tmp_path / "a" / f"{row['patch']}_mask.nii.gz", {"any": 1}).source is not None
        assert image.array.shape[2] == 1
    assert _run(*words, "--out", tmp_path / "b")[0] == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_refine_takes_specks_away_and_keeps_the_grid(data: Path, tmp_path: Path) -> None:
    _, mask = patient(0)
    labels = mask.labels.copy()
    far = distance_transform_edt(np.pad(labels == 0, 1))[1:-1, 1:-1, 1:-1]
    speck = np.unravel_index(far.argmax(), far.shape)  # a field needs neighbours on all sides
    labels[speck] = 2
    (tmp_path / "masks").mkdir()
    write_mask(Mask(labels, mask.affine, mask.regions), tmp_path / "masks" / "case_00.nii.gz")
    (tmp_path / "masks" / "case_09.nii.gz").write_bytes(b"no mask")
    out = tmp_path / "out"
    rule = ("--components", "region=tumor,most_pieces=1", "--regions", "tumor=2")
    code, text, _ = _run("refine", tmp_path / "masks", *rule, "--out", out, "--json")
    assert code == 4
    assert json.loads(text)["failed"].keys() == {"case_09"}
    written = read_image(out / "case_00.nii.gz")
    np.testing.assert_array_equal(written.array, mask.labels)
    np.testing.assert_allclose(written.affine, mask.affine)
    (tmp_path / "masks" / "case_09.nii.gz").unlink()
    crf = ("--images", data / "imagesTr", "--crf", "--intensity", "hu", "--out", out)
    assert _run("refine", tmp_path / "masks", *crf)[0] == 0
    kept = read_image(out / "case_00.nii.gz").array
    assert kept[speck] == 0
    assert 0.9 < (kept == mask.labels).mean() <= 1


def test_explain_writes_a_map_on_the_images_grid(data: Path, tmp_path: Path) -> None:
    plan = replace(PLANS["attention_unet_3d"], preparation=("crop",))
    model, image, out = tmp_path / "m.safetensors", data / "imagesTr" / "case_00.nii.gz", tmp_path / "map.nii.gz"
    model.write_bytes(Segmenter(plan, first_network(plan)).to_bytes())
    for words in (("--region", "tumor"), ("--gate", "1"), ("--region", "kidney", "--layer", "up.0")):
        code, text, _ = _run("explain", model, "--input", image, *words, "--out", out, "--json")
        assert code == 0
        assert read_image(out).grid.shape == read_image(image).grid.shape
        assert json.loads(text)["highest"] == pytest.approx(float(read_image(out).array.max()))


def test_bad_input_ends_with_reason_and_remedy(data: Path, tmp_path: Path) -> None:
    plan = PLANS["unet_3d"]
    model, image, out = tmp_path / "m.safetensors", data / "imagesTr" / "case_00.nii.gz", tmp_path / "o.nii.gz"
    model.write_bytes(Segmenter(plan, first_network(plan)).to_bytes())
    masks = data / "labelsTr"
    refused = {
        "bad_preparation": ("prepare", image, "--steps", "polish", "--out", out),
        "negative_intensities": ("prepare", image, "--steps", "n4", "--out", out),
        "bad_augmentation": ("augment", "--data", data, "--strength", "loud", "--out", out),
        "nothing_to_do": ("refine", masks, "--out", out),
        "bad_refinement": ("refine", masks, "--components", "region=ghost", "--out", out),
        "no_regions": ("explain", model, "--input", image, "--region", "ghost", "--out", out),
        "no_layer": ("explain", model, "--input", image, "--gate", "1", "--out", out),
    }
    for reason, words in refused.items():
        code, _, err = _run(*words)
        assert code == 3, words
        assert reason in err
        assert "next step" in err
    assert _run("refine", masks, "--crf", "--out", tmp_path / "r")[0] == 4
    assert _run("explain", model, "--input", image, "--out", out)[0] == 2
