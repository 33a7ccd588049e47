"""What does a second worker gain on the case stages (mask reading, checks, shape features), and what does Dask cost?

    python -m benchmarks.workers configs/kits23.yaml [--repeats 3]
    python -m benchmarks.workers --synthetic 200 --dask

Runs the segment and radiomics stages of a study in fresh stores with one worker, with two, and with --dask on a cluster
of two on this machine, in turn, and prints median wall seconds and ratios turn by turn. Efficiency is the time of one
worker over twice that of two. Files are in the page cache, and the cluster's workers have begun, after the first turn,
which is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from outcome.config import load_study
from outcome.executor import Workers
from outcome.pipeline.cohort import run_cohort
from outcome.pipeline.radiomics import run_radiomics
from outcome.pipeline.segment import run_segment
from outcome.pipeline.session import open_run
from outcome.pipeline.synth import write_synthetic_study

ONE, TWO, DASK = "1 worker", "2 workers", "2 workers of a Dask cluster"


def case_stages(study_file: str, workers: Workers) -> tuple[float, int]:
    """(wall seconds of segment + radiomics in an empty store, number of cases)."""
    with tempfile.TemporaryDirectory() as folder:
        study = load_study(study_file)
        with open_run(study, Path(folder), command="bench", workers=workers) as run:
            run_cohort(run)
            start = time.perf_counter()
            done = run_segment(run)
            run_radiomics(run)
            return time.perf_counter() - start, int(done.counts["done"])


@contextmanager
def ways(dask: bool) -> Iterator[Mapping[str, Workers]]:
    """The ways to spread the work, by name."""
    local = {ONE: Workers(1), TWO: Workers(2)}
    if not dask:
        yield local
        return
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        yield {**local, DASK: Workers(1, cluster.scheduler_address)}


def table(times: Mapping[str, list[float]], cases: int) -> str:
    """Medians as a table, then what the ratios say."""
    rows = ["| how | cases | median s | min | max |", "|---|---|---|---|---|"]
    rows += [
        f"| {how} | {cases} | {statistics.median(t):.1f} | {min(t):.1f} | {max(t):.1f} |" for how, t in times.items()
    ]
    gains = [one / two for one, two in zip(times[ONE], times[TWO], strict=True)]
    spread = f"from {min(gains):.2f} to {max(gains):.2f}"
    said = [
        f"median ratio one worker to two: {statistics.median(gains):.2f} ({spread})",
        f"efficiency at two workers: {statistics.median(gains) / 2:.0%}",
    ]
    if DASK in times:
        costs = [there / here - 1 for there, here in zip(times[DASK], times[TWO], strict=True)]
        spread = f"from {min(costs):+.0%} to {max(costs):+.0%}"
        said.append(f"a Dask cluster beside as many local workers: {statistics.median(costs):+.0%} ({spread})")
    return "\n".join([*rows, "", *said])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?")
    parser.add_argument("--synthetic", type=int, metavar="N", help="instead of a study: N synthetic patients")
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    if (given.study is None) == (given.synthetic is None):
        parser.error("either a study file or --synthetic N")
    with tempfile.TemporaryDirectory() as folder, ways(given.dask) as found:
        made = None if given.study else write_synthetic_study(Path(folder) / "site", given.synthetic, 7, "A")
        study = given.study or str(made)
        turns = [{how: case_stages(study, workers) for how, workers in found.items()} for _ in range(given.repeats + 1)]
    cases = turns[0][ONE][1]
    sys.stdout.write(table({how: [turn[how][0] for turn in turns[1:]] for how in found}, cases) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
