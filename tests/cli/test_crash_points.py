"""SIGKILL, full and failing disks and vanished folders at durable points: whole files, clear words, the same bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import outcome

ROOT = Path(outcome.__file__).parent.parent


def test_a_sample_of_durable_points_is_survived() -> None:
    """All of them: `python -m benchmarks.crash_points` (docs/results/reliability.md)."""
    words = ["--kills", "10", "--faults", "2", "--double", "1", "--random", "2", "--seed", "3"]
    one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
    command = [sys.executable, "-m", "benchmarks.crash_points", *words]
    around = {**os.environ, **one_thread, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    total = re.search(r"all strikes: (\d+); survived: (\d+); torn reads: 0", done.stdout)
    assert total is not None
    assert int(total[1]) == int(total[2]) >= 20
