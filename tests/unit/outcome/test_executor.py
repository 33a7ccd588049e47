"""One bad item never stops the others, wherever the work runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from outcome.errors import DataRefusal, LostCase, UsageError
from outcome.executor import Workers, alone, map_cases, reason


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


class TwoWords(Exception):
    """An exception that cannot be built again from its words alone, as many libraries have them."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


BAD = {1: "raises", 2: "raises oddly", 4_000: "leaves", 7_000: "is killed", 9_999: "hangs"}


def meet(case: int) -> int:
    """A cheap case; five of ten thousand are bad."""
    what = BAD.get(case)
    if what == "raises":
        raise ValueError("a bad header")
    if what == "raises oddly":
        raise TwoWords("this", "that")
    if what == "leaves":
        os._exit(3)
    if what == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hangs":
        time.sleep(600)
    return case


def test_five_bad_cases_in_ten_thousand_cost_only_themselves() -> None:
    ends = {done.item: done for done in map_cases(Workers(2, seconds=1.0), meet, range(10_000))}
    assert sorted(ends) == list(range(10_000))
    assert {case: end.value for case, end in ends.items() if end.error is None} == {
        case: case for case in range(10_000) if case not in BAD
    }
    assert reason(ends[1].error) == "ValueError: a bad header"
    assert reason(ends[2].error) == "TwoWords: this and that"
    assert [type(ends[case].error) for case in (4_000, 7_000, 9_999)] == [LostCase] * 3
    assert "died on this case" in reason(ends[4_000].error)
    assert "not done within 1 s" in reason(ends[9_999].error)


def end_the_process(case: int) -> int:
    sys.exit(case)


@pytest.mark.parametrize("workers", [Workers(1), Workers(2)])
def test_a_library_that_ends_the_process_ends_its_case(workers: Workers) -> None:
    assert [reason(done.error) for done in map_cases(workers, end_the_process, [7])] == ["SystemExit: 7"]


def test_a_case_done_alone_ends_as_it_would_among_others() -> None:
    assert alone(meet, 5).value == 5
    assert reason(alone(meet, 1).error) == reason(next(map_cases(Workers(1), meet, [1])).error)
    assert isinstance(alone(meet, 4_000).error, LostCase)


def test_a_time_limit_is_for_local_workers() -> None:
    assert not Workers(1, seconds=1.0).in_process
    for wrong in ((1, None, 0.0), (1, "tcp://somewhere:1", 5.0)):
        with pytest.raises(UsageError, match="--case-timeout"):
            Workers(*wrong)


RUN = """
import os, sys, time
sys.path[:0] = {path!r}
from tests.unit.outcome.test_executor import told_and_asleep
from outcome.executor import Workers, map_cases
list(map_cases(Workers(2), told_and_asleep, range(2)))
"""


def told_and_asleep(case: int) -> None:
    os.write(1, f"{os.getpid()}\n".encode())
    time.sleep(600)


def test_workers_end_with_the_run_that_is_killed() -> None:
    """Else they would go on writing into a store that the next run holds."""
    run = subprocess.Popen([sys.executable, "-c", RUN.format(path=sys.path)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    workers = [int(run.stdout.readline()) for _ in range(2)]
    run.kill()
    assert run.communicate(timeout=60)[0] == ""  # the pipe ends with the last process that holds it
    assert not any(_lives(worker) for worker in workers)


def _lives(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as handle:
            return handle.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
