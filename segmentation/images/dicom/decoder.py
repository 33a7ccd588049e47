"""Compressed pixels through a child process whose memory and time are limited: a decoder that crashes, hangs or grows
takes nothing else with it, and ends in a refusal."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.dicom import decoding
from segmentation.images.dicom.fragments import coded_frames
from segmentation.images.dicom.layout import Layout
from segmentation.images.dicom.refusing import refuse

MAX_BYTES = 2**30  # of address space in the child, beside three copies of a frame
SECONDS, PIXELS_PER_SECOND = 2, 2e6  # of processor time; a plain decoder does ten times as many
WALL = 5  # times the processor time, on a machine that is busy
BATCH_PIXELS = 2**26  # a child's work: what it hands back fits on the disk
Job = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What a child may use."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int


def decoded(frames: Sequence[tuple[Layout, int]]) -> Iterator[npt.NDArray[Any]]:
    """The stored numbers of each frame, (rows, columns), in turn.

    Raises ImageRefusal: what `coded_frames` refuses, `damaged_pixels`, `decoder_crashed`, `decoder_memory`,
    `decoder_time`, `no_decoder`.
    """
    batch: list[tuple[Layout, int]] = []
    pixels = 0
    for layout, frame in frames:
        batch.append((layout, frame))
        pixels += layout.rows * layout.columns
        if pixels >= BATCH_PIXELS:
            yield from _batch(batch)
            batch, pixels = [], 0
    if batch:
        yield from _batch(batch)


def limits_for(jobs: Sequence[Job]) -> Limits:
    """Limits that any whole image stays far below."""
    sizes = [job["rows"] * job["columns"] for job in jobs]
    return Limits(
        memory_bytes=MAX_BYTES + 12 * max(sizes),
        cpu_seconds=SECONDS + math.ceil(sum(sizes) / PIXELS_PER_SECOND),
        file_bytes=4 * sum(sizes) + 2**26,
    )


def _batch(frames: Sequence[tuple[Layout, int]]) -> Iterator[npt.NDArray[Any]]:
    known = {layout: coded_frames(layout) for layout in dict.fromkeys(layout for layout, _ in frames)}
    jobs: list[Job] = []
    for layout, frame in frames:
        coded = known[layout][frame]
        jobs.append(
            {
                "file": str(layout.path.resolve()), "pieces": coded.pieces, "syntax": layout.syntax,
                "rows": layout.rows, "columns": layout.columns, "allocated": layout.allocated,
                "bits": coded.bits, "signed": coded.signed,
            }
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        run_child(jobs, Path(place), frames[0][0].path.name, limits_for(jobs))
        with (Path(place) / decoding.OUT).open("rb") as file:
            for job, (layout, _) in zip(jobs, frames, strict=True):
                yield _plane(file.read(layout.frame_bytes), job, layout)


def _plane(raw: bytes, job: Job, layout: Layout) -> npt.NDArray[Any]:
    if len(raw) != layout.frame_bytes:
        raise _damaged(layout.path.name)
    kind = np.dtype(f"<{'i' if job['signed'] else 'u'}{layout.allocated // 8}")
    return np.frombuffer(raw, dtype=kind).reshape(layout.rows, layout.columns)


def run_child(jobs: Sequence[Job], place: Path, name: str, limits: Limits) -> None:
    """Let a child decode into `place`. Raises ImageRefusal as `decoded`."""
    words = json.dumps({"jobs": list(jobs), "limits": asdict(limits)})
    # Isolated: no module from the working folder or from PYTHONPATH can stand in for a decoder.
    command = [sys.executable, "-I", decoding.__file__, str(place)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    wall = WALL * limits.cpu_seconds
    try:
        done = subprocess.run(
            command, input=words, text=True, capture_output=True, timeout=wall, cwd=place, env=os.environ | one_thread
        )
    except subprocess.TimeoutExpired as error:
        raise refuse("decoder_time", name, "The pixels take too long.", f"at most {wall} s", "longer") from error
    except OSError as error:
        raise refuse("no_decoder", name, "The decoder cannot be started.", "a child process",
                     type(error).__name__) from error  # fmt: skip
    if done.returncode:
        raise _failure(done.returncode, name, limits)


def _failure(code: int, name: str, limits: Limits) -> ImageRefusal:
    if code == decoding.NO_MEMORY:
        most = f"{limits.memory_bytes} bytes"
        return refuse("decoder_memory", name, "The pixels take too much memory.", f"at most {most}", "more")
    if code == decoding.DAMAGED:
        return _damaged(name)
    if code in decoding.TIME_SIGNALS:
        return refuse("decoder_time", name, "The pixels take too long.", f"at most {limits.cpu_seconds} s", "longer")
    found = f"signal {-code}" if code < 0 else f"exit {code}"
    return refuse("decoder_crashed", name, "The decoder fails on the pixels.", "pixels that can be decoded", found)


def _damaged(name: str) -> ImageRefusal:
    return refuse("damaged_pixels", name, "The compressed pixels cannot be read.", "whole pixels", "a decoder's error")
