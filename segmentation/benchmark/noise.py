"""Images with noise added, to see how much worse they are outlined."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from segmentation.images.scans import Scan
from segmentation.types import Volume


def noisy(scan: Scan, level: float, case_id: str) -> Scan:
    """The channels with Gaussian noise of `level` standard deviations of each channel's own intensities.

    Decided by the case, the level and the channel's number alone: every model meets the same noise.
    """
    return tuple(_noisy(channel, level, f"{case_id}:{level!r}:{number}") for number, channel in enumerate(scan))


def _noisy(channel: Volume, level: float, name: str) -> Volume:
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    array = np.asarray(channel.array, dtype=np.float32)
    added = rng.standard_normal(array.shape, dtype=np.float32) * np.float32(level * float(array.std(dtype=np.float64)))
    return replace(channel, array=np.asfortranarray(array + added))
