"""What a piece of work took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


class Stopwatch:
    """Seconds on the wall and of the processor since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        return time.process_time() - self._cpu

    def since(self, before: Mapping[str, Any]) -> dict[str, float]:
        """What was spent before a kill, and now."""
        return {
            "train_s": before.get("train_s", 0.0) + self.seconds,
            "train_cpu_s": before.get("train_cpu_s", 0.0) + self.cpu,
        }
