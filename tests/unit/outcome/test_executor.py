"""One bad item never stops the others, wherever the work runs."""

from __future__ import annotations

import os
import signal

import pytest

from outcome.errors import DataRefusal, UsageError
from outcome.executor import Workers, map_cases


def square(x: int) -> int:
    if x == 3:
        raise DataRefusal("three is refused", found="3")
    return x * x


def die_on_two(x: int) -> int:
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


@pytest.mark.parametrize("workers", [Workers(1), Workers(2)])
def test_an_exception_becomes_that_items_own_end(workers: Workers) -> None:
    ends = {done.item: done for done in map_cases(workers, square, range(6))}
    assert sorted(ends) == list(range(6))
    assert {i: d.value for i, d in ends.items() if d.error is None} == {0: 0, 1: 1, 2: 4, 4: 16, 5: 25}
    assert isinstance(ends[3].error, DataRefusal)
    assert ends[3].error.found == "3"


def test_a_worker_that_dies_costs_only_the_case_it_died_on() -> None:
    ends = {done.item: done for done in map_cases(Workers(2), die_on_two, range(8))}
    assert sorted(ends) == list(range(8))
    assert [i for i, d in ends.items() if d.error is not None] == [2]
    assert "died on this case" in str(ends[2].error)


def test_a_dask_cluster_is_the_same_code_path() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        ends = {d.item: d for d in map_cases(Workers(2, cluster.scheduler_address), square, range(5))}
    assert [ends[i].value for i in (0, 1, 2, 4)] == [0, 1, 4, 16]
    assert isinstance(ends[3].error, DataRefusal)


def test_an_absent_scheduler_is_named() -> None:
    with pytest.raises(UsageError, match="no Dask scheduler"):
        list(map_cases(Workers(1, "not-an-address"), square, [1]))


@pytest.mark.parametrize("count", [0, -1])
def test_no_workers_is_a_usage_error(count: int) -> None:
    with pytest.raises(UsageError):
        Workers(count)


def test_work_stays_bounded_ahead_of_the_reader() -> None:
    started: list[int] = []

    def remember(x: int) -> int:
        started.append(x)
        return x

    ends = map_cases(Workers(1), remember, range(100))
    next(ends)
    assert started == [0]
