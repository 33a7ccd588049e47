"""Crops on disk and in memory: the same numbers, the same bytes, and a damaged file is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outcome.errors import StoreRefusal
from outcome.features.crops import INDEX, NO_CROPS, SHELF, Crops, crop_bytes, open_crops, read_crops
from outcome.recipe import CropArray
from outcome.store import write_json


def made(seed: int, regions: int = 2) -> CropArray:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(1, 9, 8, 10)).astype(np.float16)
    return np.concatenate([image, rng.integers(0, 2, (regions, 9, 8, 10))]).astype(np.float32)


def taken(crops: Crops, case: str, sequence: str) -> CropArray:
    crop = crops.get(case, sequence)
    assert crop is not None
    return crop


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """Two cases: one with two sequences, one with none."""
    (tmp_path / SHELF).mkdir()
    (tmp_path / SHELF / "k1.npz").write_bytes(crop_bytes({"flair": made(1), "post": made(2)}))
    (tmp_path / SHELF / "k2.npz").write_bytes(crop_bytes({}))
    write_json(tmp_path / INDEX, {"a": "k1", "b": "k2"})
    return tmp_path


def test_a_file_holds_half_precision_images_and_masks_exactly() -> None:
    crops = {"flair": made(1), "post": made(2, regions=1)}
    read = read_crops(crop_bytes(crops))
    assert set(read) == {"flair", "post"}
    for name, crop in crops.items():
        assert np.array_equal(read[name], crop)
        assert read[name].dtype == np.float32
    assert list(read_crops(crop_bytes(crops), ["post"])) == ["post"]


def test_the_same_crops_give_the_same_bytes_in_any_order() -> None:
    first, second = made(1), made(2)
    content = crop_bytes({"flair": first, "post": second})
    assert content == crop_bytes({"post": second, "flair": first})
    assert content == crop_bytes(read_crops(content))
    assert len(content) < first.nbytes  # two sequences of float32 would be twice that


def test_a_stage_is_read_case_by_case(stage: Path) -> None:
    crops = open_crops(stage)
    assert np.array_equal(taken(crops, "a", "flair"), made(1))
    assert crops.get("a", "t2") is None
    assert crops.get("b", "flair") is None
    assert crops.get("unknown", "flair") is None


def test_a_stage_without_crops_has_none(tmp_path: Path) -> None:
    assert open_crops(tmp_path) is NO_CROPS
    assert NO_CROPS.get("a", "flair") is None


def test_loaded_crops_need_no_file_and_are_the_same_bits(stage: Path) -> None:
    crops = open_crops(stage)
    loaded = crops.load(["a", "b", "a"], ["flair"])
    expected = taken(crops, "a", "flair")
    for path in (stage / SHELF).iterdir():
        path.unlink()
    found = taken(loaded, "a", "flair")
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert loaded.get("a", "post") is None
    assert loaded.get("b", "flair") is None
    again = taken(loaded.load(["a"]), "a", "flair")
    assert np.array_equal(again, found)


def test_held_crops_go_before_files(stage: Path) -> None:
    crops = Crops(files=open_crops(stage).files, held={"a": {"flair": made(9)}})
    assert np.array_equal(taken(crops, "a", "flair"), made(9))
    assert crops.get("a", "post") is None


@pytest.mark.parametrize("harm", ["cut", "other bytes", "gone"])
def test_a_damaged_file_is_named_with_the_remedy(stage: Path, harm: str) -> None:
    path = stage / SHELF / "k1.npz"
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if harm == "cut" else b"\x93NUMPY" + content[:200])
    with pytest.raises(StoreRefusal, match="case a") as refusal:
        open_crops(stage).get("a", "flair")
    assert "outcome features" in str(refusal.value)
