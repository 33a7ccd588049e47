"""A stream of 2-D frames, outlined one after another, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.images.case_files import CaseFiles
from segmentation.outlining.ensemble import Asked
from segmentation.outlining.inference import PLAIN, Outlining, Segmenter
from segmentation.outlining.prediction import CaseAnswer, FolderRun, outliner_of

WARM_UP = 3  # frames: torch and the compiled parts get ready
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class FrameAnswer:
    """What became of a frame, and the seconds from its file to its mask's file."""

    answer: CaseAnswer
    seconds: float


def check_streamable(segmenter: Segmenter) -> None:
    """Raises ImageRefusal (`not_for_frames`) where a network reads blocks, or slices on either side."""
    plan = segmenter.plan
    if plan.dimensions == 3 or plan.neighbours:
        raise ImageRefusal(
            "not_for_frames",
            "The network does not read single frames.",
            expected="a 2-D network with neighbours 0 in its plan",
            found=f"{plan.network} with neighbours {plan.neighbours}",
            next_step="train a 2-D network with neighbours 0",
        )


def outline_frames(
    segmenter: Segmenter, paths: Iterable[Path], output: Path, how: Outlining = PLAIN
) -> Iterator[FrameAnswer]:
    """Masks of frames in the order in which they come, written beside one another under the frames' names.

    Each is done before the next is asked for. Raises ImageRefusal (`not_for_frames`); a frame that cannot be read is
    told in its answer.
    """
    check_streamable(segmenter)
    run = FolderRun(outliner_of([segmenter], Asked(uncertainty=False, how=how)), output, again=True, recorded=False)
    for path in paths:
        start = time.perf_counter()
        answer = run.one(CaseFiles(path.stem.removesuffix(".nii"), (path,)))
        yield FrameAnswer(answer, time.perf_counter() - start)


def latency_ms(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Median, 95th and 99th percentile of the frames after the first `WARM_UP`, and the slowest of those, in ms.

    Percentiles are of the frames themselves (the least that so many per cent do not exceed). With fewer frames than the
    warm-up takes there is no number.
    """
    counted = np.array(seconds[WARM_UP:]) * 1000
    found: dict[str, float | int | None] = {"warm_up_frames": min(WARM_UP, len(seconds)), "frames": len(counted)}
    for percent in PERCENTILES:
        value = np.percentile(counted, percent, method="inverted_cdf") if len(counted) else None
        found[f"p{percent}_ms"] = None if value is None else round(float(value), 2)
    found["slowest_ms"] = round(float(counted.max()), 2) if len(counted) else None
    return found
