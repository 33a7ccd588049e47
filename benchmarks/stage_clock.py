"""Processor seconds of a network's passes, and of the stages of a frame around them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

from segmentation.outlining import ensemble, inference, prediction

STAGES = {  # of a frame: where each function is called
    "read": (prediction, "read_scan"),
    "memory, spacing": (inference.Segmenter, "check"),
    "scale": (inference, "prepare_part"),
    "windows and sums": (inference, "scores_of"),
    "labels": (ensemble, "mask_of"),
    "compress": (prediction, "_mask_file"),
    "write": (prediction, "write_atomically"),
    "findings": (prediction, "check_mask"),
}


@contextmanager
def passes_timed() -> Iterator[list[float]]:
    """A list that gets each forward pass's processor seconds, of the thread that ran it."""
    spent: list[float] = []
    plain = nn.Module.__call__

    def timed(self: nn.Module, *words: object) -> object:
        if getattr(inside, "on", False):
            return plain(self, *words)
        inside.on = True
        start = time.thread_time()
        try:
            return plain(self, *words)
        finally:
            inside.on = False
            spent.append(time.thread_time() - start)

    inside = threading.local()
    nn.Module.__call__ = timed  # type: ignore[method-assign,assignment]
    try:
        yield spent
    finally:
        nn.Module.__call__ = plain  # type: ignore[method-assign]


@contextmanager
def stages_timed() -> Iterator[dict[str, float]]:
    """Processor seconds of the whole process in each of `STAGES` so far; one window a frame has no other thread."""
    spent = dict.fromkeys(STAGES, 0.0)
    plain = {stage: getattr(module, name) for stage, (module, name) in STAGES.items()}

    def timed(stage: str) -> Callable[..., object]:
        def run(*words: object, **named: object) -> object:
            start = time.process_time()
            try:
                return plain[stage](*words, **named)
            finally:
                spent[stage] += time.process_time() - start

        return run

    for stage, (module, name) in STAGES.items():
        setattr(module, name, timed(stage))
    try:
        yield spent
    finally:
        for stage, (module, name) in STAGES.items():
            setattr(module, name, plain[stage])
