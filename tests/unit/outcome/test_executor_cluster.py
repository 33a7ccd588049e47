"""A Dask cluster: kept busy and no more, its lost workers' cases done by others, its end told in one sentence."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outcome.errors import Refusal
from outcome.executor import AHEAD, TOGETHER, Workers, map_cases

distributed = pytest.importorskip("distributed")
WORKERS, THREADS = 2, 2
begun: list[int] = []


@pytest.fixture(scope="module")
def here() -> Iterator[Any]:
    """A cluster of threads of this process, so that what a worker notes down can be read."""
    with distributed.LocalCluster(
        n_workers=WORKERS, threads_per_worker=THREADS, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


def note(x: int) -> int:
    begun.append(x)
    return x


def test_every_place_of_a_cluster_has_work_and_work_ahead_of_the_reader_is_bounded(here: Any) -> None:
    begun.clear()
    ends = map_cases(Workers(1, here.scheduler_address), note, range(600))
    first = next(ends)
    time.sleep(0.5)  # the reader does nothing: what was handed out is finished long since
    assert WORKERS * THREADS < len(begun) <= AHEAD * WORKERS * THREADS * TOGETHER
    assert sorted([first.item, *(done.item for done in ends)]) == list(range(600))
    assert sorted(begun) == list(range(600))


def slow(x: int) -> int:
    time.sleep(0.3)
    return note(x)


def test_only_quick_cases_go_together(here: Any) -> None:
    begun.clear()
    ends = map_cases(Workers(1, here.scheduler_address), slow, range(40))
    next(ends)
    time.sleep(1.5)
    assert WORKERS * THREADS < len(begun) <= AHEAD * WORKERS * THREADS
    assert len(list(ends)) == 39


def die_on_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_a_cluster_loses_only_the_case_that_its_workers_die_on(tmp_path: Path) -> None:
    import dask

    settings = {"distributed.scheduler.allowed-failures": 0}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
            local_directory=tmp_path,
        ) as cluster,
    ):
        ends = {done.item: done for done in map_cases(Workers(1, cluster.scheduler_address), die_on_three, range(8))}
    assert sorted(ends) == list(range(8))
    assert {n: d.value for n, d in ends.items() if d.error is None} == {n: n * n for n in range(8) if n != 3}
    assert "died on this case" in str(ends[3].error)


def test_a_scheduler_that_goes_away_is_told() -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        ends = map_cases(Workers(1, cluster.scheduler_address), note, range(60))
        next(ends)
        cluster.close()
        with pytest.raises(Refusal, match="went away"):
            list(ends)
