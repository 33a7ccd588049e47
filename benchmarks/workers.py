"""What does a second worker gain on the case stages (mask reading, checks, shape features)?

    python -m benchmarks.workers configs/kits23.yaml [--repeats 3]

Runs the segment and radiomics stages of a study in fresh stores with one and with two workers, in turn, and prints
median wall seconds and the ratio pair by pair. Masks are in the page cache after the first, uncounted, run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from outcome.config import load_study
from outcome.executor import Workers
from outcome.pipeline.cohort import run_cohort
from outcome.pipeline.radiomics import run_radiomics
from outcome.pipeline.segment import run_segment
from outcome.pipeline.session import open_run


def case_stages(study_file: str, workers: int) -> tuple[float, int]:
    """(wall seconds of segment + radiomics in an empty store, number of cases)."""
    with tempfile.TemporaryDirectory() as folder:
        study = load_study(study_file)
        with open_run(study, Path(folder), command="bench", workers=Workers(workers)) as run:
            run_cohort(run)
            start = time.perf_counter()
            done = run_segment(run)
            run_radiomics(run)
            return time.perf_counter() - start, int(done.counts["done"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    case_stages(given.study, 1)
    pairs = [(case_stages(given.study, 1), case_stages(given.study, 2)) for _ in range(given.repeats)]
    one, two = ([pair[i][0] for pair in pairs] for i in (0, 1))
    ratios = [a / b for a, b in zip(one, two, strict=True)]
    print("| workers | cases | median s | min | max |\n|---|---|---|---|---|")
    for count, times in ((1, one), (2, two)):
        print(f"| {count} | {pairs[0][0][1]} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |")
    spread = f"from {min(ratios):.2f} to {max(ratios):.2f}"
    print(f"\nmedian ratio one worker to two: {statistics.median(ratios):.2f} ({spread})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
