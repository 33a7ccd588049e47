"""Kill a run at random moments, resume it each time, and compare every artefact with an undisturbed run's.

    python -m benchmarks.kill_resume STUDY.yaml --kills 50 --seed 1 --workers 2 [--set a.b=c ...]

The undisturbed run comes first and is timed. SIGKILL goes to the whole process group, workers included; each attempt
resumes what the last one left.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from outcome.store import RUN_LOG, file_digest

_DATABASES = ("journal.sqlite", "evaluations.sqlite")
HOST_FACTS = {RUN_LOG, ".lock", *(name + end for name in _DATABASES for end in ("", "-wal", "-shm", "-journal"))}


def artefacts(folder: Path) -> dict[str, str]:
    """sha256 of every artefact below a folder; host facts (run logs, journal, lock) are not artefacts."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in HOST_FACTS)
    return {str(path.relative_to(folder)): file_digest(path) for path in files}


def start(arguments: argparse.Namespace, store: Path) -> subprocess.Popen[bytes]:
    overrides = [word for setting in arguments.set for word in ("--set", setting)]
    command = [sys.executable, "-m", "outcome.cli", "run", arguments.study, "--store", str(store), "--quiet",
               "--workers", str(arguments.workers), *overrides]  # fmt: skip
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def disturbed(arguments: argparse.Namespace, folder: Path, pace: float, calm: dict[str, str]) -> tuple[int, list[str]]:
    """Kill until `kills` hit a living run; a run that ends is compared and the next one begins in an empty store.

    Returns the kills that hit, and the artefacts that ever differed.
    """
    rng = np.random.default_rng(arguments.seed)
    hit, differ, number = 0, [], 0
    while True:
        store = folder / f"rough{number}"
        process = start(arguments, store)
        # Lives are exponential: many are short (start-up, first stages), some long enough to finish a training unit.
        life = rng.exponential(pace) if hit < arguments.kills else None
        try:
            process.communicate(timeout=life)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            hit += 1
            continue
        found = artefacts(store)
        differ += [name for name in calm.keys() | found.keys() if calm.get(name) != found.get(name)]
        print(f"a run ended with exit {process.returncode} after {hit} kills so far", flush=True)
        if hit >= arguments.kills:
            return hit, sorted(set(differ))
        number += 1


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pace", type=float, help="mean seconds an attempt lives (default: a tenth of the run)")
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        first = start(arguments, Path(folder) / "calm")
        _, words = first.communicate()
        seconds = time.monotonic() - begun
        print(f"undisturbed run: exit {first.returncode}, {seconds:.0f} s", flush=True)
        if first.returncode not in (0, 4):
            print(words.decode())
            return 1
        calm = artefacts(Path(folder) / "calm")
        hit, differ = disturbed(arguments, Path(folder), arguments.pace or max(8.0, seconds / 10), calm)
    print(f"SIGKILLs that hit a living run: {hit}")
    print(f"artefacts: {len(calm)}; differing or missing after resuming: {len(differ)}")
    for name in differ[:20]:
        print("  ", name)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
