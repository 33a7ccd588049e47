"""A frame of a stream: one window, no threads, one look at the file, and the bytes that the long way gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation.device import reproducible
from segmentation.images import scans
from segmentation.images.writing import mask_bytes, write_image
from segmentation.learning.training import first_network
from segmentation.outlining import label_export, sliding
from segmentation.outlining.frames import outline_frames
from segmentation.outlining.inference import Segmenter
from segmentation.preparation.preprocess import label_slabs, prepare_scan
from segmentation.types import Mask, Volume
from tests.segmenter_studies import SLICES

PLAN = replace(SLICES, neighbours=0, patch=(32, 32, 1), voxel=None)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(PLAN, first_network(PLAN))


def _frame(seed: int, shape: tuple[int, int, int] = (32, 32, 1)) -> Volume:
    # Axes that are turned and grow against the patient's: labels go into a view that no memory order fits.
    affine = np.array([[0, -1.5, 0, 3], [1.5, 0, 0, 0], [0, 0, -2, 0], [0, 0, 0, 1]], dtype=float)
    return Volume(np.random.default_rng(seed).integers(0, 200, shape).astype(np.int16), affine)


def _as_by_threads(segmenter: Segmenter, image: np.ndarray) -> np.ndarray:
    """Scores of the one window, read by another thread, weighted and divided by the weight."""
    batch = torch.from_numpy(image[..., 0])[None]

    def read() -> np.ndarray:
        with torch.inference_mode():
            return segmenter.network(batch)[0, ..., None].numpy()

    with reproducible(), ThreadPoolExecutor(1) as pool:
        scores = pool.submit(read).result()
    weight = sliding._importance(scores.shape[1:], 2)
    return (np.float32(0) + scores * weight) / weight


def test_one_window_keeps_the_bits_that_threads_gave(segmenter: Segmenter) -> None:
    image = prepare_scan((_frame(0),), PLAN)
    found = sliding.scores_of(segmenter.network, image, PLAN)
    assert found.tobytes() == _as_by_threads(segmenter, image).tobytes()


def test_a_frame_starts_no_thread_and_its_file_is_that_of_the_long_way(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [_frame(seed) for seed in range(3)]
    paths = [tmp_path / f"f{number}.nii.gz" for number in range(3)]
    for frame, path in zip(frames, paths, strict=True):
        write_image(frame, path)
    expected = [_file(segmenter, frame) for frame in frames]
    for module, name in ((sliding, "ThreadPoolExecutor"), (label_export, "ThreadPoolExecutor"), (scans, "read_header")):
        monkeypatch.setattr(module, name, _never)
    done = list(outline_frames(segmenter, paths, tmp_path / "masks"))
    assert [one.answer.error for one in done] == [None] * 3
    assert [(tmp_path / "masks" / path.name).read_bytes() for path in paths] == expected
    assert len(set(expected)) == 3


def _file(segmenter: Segmenter, frame: Volume) -> bytes:
    scores = _as_by_threads(segmenter, prepare_scan((frame,), PLAN))
    ((_, labels),) = label_slabs(scores, scores.shape[1:], PLAN.class_labels)
    x, y = np.arange(32)[:, None], np.arange(32)[None]
    filed = labels[31 - y, x]  # the first axis grows along y, the second against x
    return mask_bytes(Mask(filed, frame.affine, PLAN.regions))


def _never(*_: object, **__: object) -> None:
    raise AssertionError("a frame needs none of this")


def test_a_frame_of_several_windows_is_the_same_by_any_number_of_cores(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = _frame(1, (50, 40, 1))
    several = segmenter.segment(frame).labels.tobytes()
    for module in (sliding, label_export):
        monkeypatch.setattr(module, "cores", lambda: 1)
    assert segmenter.segment(frame).labels.tobytes() == several
