"""Masks in the image's own geometry, and the bytes of a segmenter."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from segmentation.errors import ImageRefusal
from segmentation.learning.training import first_network
from segmentation.outlining import sliding
from segmentation.outlining.inference import Segmenter
from segmentation.outlining.sliding import scores_of, window_starts
from segmentation.types import Volume
from tests.segmenter_studies import BLOCKS, PLANS, SLICES, patient

one_of_each_kind = pytest.mark.parametrize("name", ["unet_2d", "unet_3d"])


def _untrained(name: str, **change: object) -> Segmenter:
    plan = replace(PLANS[name], **change)  # type: ignore[arg-type]
    return Segmenter(plan, first_network(plan))


def _code(data: bytes) -> str:
    with pytest.raises(ImageRefusal) as refused:
        Segmenter.from_bytes(data)
    return refused.value.code


def test_windows_cover_everything_evenly() -> None:
    assert window_starts(10, 24) == [0]
    assert window_starts(24, 24) == [0]
    assert window_starts(40, 16) == [0, 8, 16, 24]
    for length in range(17, 60):
        starts = window_starts(length, 16)
        assert starts[0] == 0
        assert starts[-1] == length - 16
        assert max(np.diff(starts)) <= 8


class _Local(torch.nn.Module):
    """A network that looks at each voxel alone (a 2-D one: at the middle slice), so that windows cannot matter."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        middle = image[:, image.shape[1] // 2][:, None]
        return torch.cat([torch.zeros_like(middle), middle, 2 * middle - 1], dim=1)


@one_of_each_kind
@pytest.mark.parametrize("shape", [(24, 24, 16), (50, 31, 40), (10, 12, 9), (26, 70, 3)])
def test_windows_leave_no_seam_and_no_shift(name: str, shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    scores = scores_of(_Local(), image[None], PLANS[name])
    np.testing.assert_allclose(scores, np.stack([0 * image, image, 2 * image - 1]), atol=1e-5)


@one_of_each_kind
def test_the_number_of_cores_changes_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter, (volume, _) = _untrained(name), patient(1, (40, 30, 20))
    image = np.ascontiguousarray(volume.array, dtype=np.float32)[None] / 100
    several = scores_of(segmenter.network, image, segmenter.plan)
    monkeypatch.setattr(sliding, "cores", lambda: 1)
    np.testing.assert_array_equal(scores_of(segmenter.network, image, segmenter.plan), several)


def test_windows_read_two_at_once_keep_their_own_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter, (volume, _) = _untrained("unet_3d"), patient(1, (40, 30, 20))
    image = np.ascontiguousarray(volume.array, dtype=np.float32)[None] / 100
    assert sliding.together(segmenter.plan) == 2
    assert sliding.together(replace(segmenter.plan, patch=(128, 128, 128), channels=(16, 32, 64))) == 1
    in_pairs = scores_of(segmenter.network, image, segmenter.plan)
    monkeypatch.setattr(sliding, "together", lambda plan: 1)
    np.testing.assert_allclose(scores_of(segmenter.network, image, segmenter.plan), in_pairs, atol=1e-5)


@one_of_each_kind
def test_a_mask_covers_the_whole_grid_with_the_plans_labels(name: str) -> None:
    volume, _ = patient(1, (40, 30, 20))
    mask = _untrained(name, regions={"a": 7, "b": 300}, voxel=(6, 6, 6)).segment(volume)
    assert mask.grid.shape == volume.grid.shape
    np.testing.assert_array_equal(mask.affine, volume.affine)
    assert set(np.unique(mask.labels)) <= {0, 7, 300}
    assert len(np.unique(mask.labels)) > 1


def test_a_volume_larger_than_memory_is_refused_before_it_runs() -> None:
    segmenter, (volume, _) = _untrained("unet_3d"), patient(0)
    with pytest.raises(ImageRefusal) as refused:
        segmenter.segment(volume, limit_bytes=10_000_000)
    assert refused.value.code == "too_large"
    assert "0.01 GB" in refused.value.expected
    assert "GB" in refused.value.found
    assert "unet_2d" in refused.value.next_step
    segmenter.segment(volume, limit_bytes=segmenter.predicted_bytes(volume.grid))


def test_one_slice_is_for_2d_networks_only() -> None:
    flat = Volume(patient(0)[0].array[:, :, 8:9], np.eye(4))
    with pytest.raises(ImageRefusal) as refused:
        _untrained("unet_3d").segment(flat)
    assert refused.value.code == "not_3d"
    assert _untrained("unet_2d").segment(flat).grid.shape == (24, 24, 1)


@one_of_each_kind
def test_bytes_and_name_are_those_of_the_weights(name: str) -> None:
    first, second = _untrained(name), _untrained(name)
    assert first.to_bytes() == second.to_bytes()
    assert first.name == f"{name}:{first.id}"
    assert len(first.id) == 12
    assert Segmenter.from_bytes(first.to_bytes()).to_bytes() == first.to_bytes()
    assert _untrained(name, seed=99).id != first.id


def test_damaged_and_foreign_bytes_are_refused() -> None:
    data = _untrained("unet_3d").to_bytes()
    for torn in (b"", data[:4], data[:200], data[:-10], b"\xff" * 64, b"not a segmenter at all"):
        assert _code(torn) == "weights_damaged"
    tensors = load(data)
    assert _code(save(tensors)) == "weights_damaged"
    about = {"segmenter": json.dumps({"format": 1, "plan": BLOCKS.to_json()})}
    assert _code(save(tensors, {"segmenter": json.dumps({"format": 99})})) == "weights_damaged"
    holed = {name: torch.full_like(value, float("nan")) for name, value in tensors.items()}
    assert _code(save(holed, about)) == "weights_damaged"


@pytest.mark.parametrize("plan", [SLICES, replace(BLOCKS, channels=(8, 24)), replace(BLOCKS, regions={"a": 1})])
def test_weights_of_another_architecture_are_refused(plan: object) -> None:
    tensors = load(_untrained("unet_3d").to_bytes())
    about = {"format": 1, "plan": plan.to_json()}  # type: ignore[attr-defined]
    assert _code(save(tensors, {"segmenter": json.dumps(about)})) == "weights_mismatch"
