"""Pools of local workers: kept where asked for, never a broken one, gone afterwards."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from outcome.config import load_study
from outcome.executor import Workers, map_cases
from outcome.local_pools import keeping_pools, local_pool
from outcome.pipeline.session import open_run
from outcome.pipeline.synth import write_synthetic_study


def who(_: int) -> int:
    time.sleep(0.05)  # long enough that both processes take some
    return os.getpid()


def who_or_killed(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return who(item)


def processes(function: object = who, items: int = 8) -> set[int]:
    return {done.value for done in map_cases(Workers(2), function, range(items)) if done.value}  # type: ignore[arg-type]


def gone(process: int) -> bool:
    return not Path(f"/proc/{process}").exists()


def test_kept_processes_do_the_next_work_too_and_end_with_the_keeping() -> None:
    with keeping_pools():
        first = processes()
        with keeping_pools():  # the outer one keeps
            assert len(first | processes()) <= 2
        assert len(first | processes()) <= 2
    assert all(gone(process) for process in first)


def test_otherwise_every_use_has_processes_of_its_own() -> None:
    assert not processes() & processes()


def test_a_pool_that_lost_a_process_is_not_kept() -> None:
    with keeping_pools():
        lost = processes()
        ends = [done for done in map_cases(Workers(2), who_or_killed, range(6)) if done.error is not None]
        assert [done.item for done in ends] == [3]
        assert not lost & processes()


def left_with_work() -> tuple[int, Future[int]]:
    """The first of many tasks' process, and the last task, of a use that ends in an error."""
    with suppress(ZeroDivisionError), local_pool(2) as pool:
        waiting = [pool.submit(who, item) for item in range(20)]
        first = waiting[0].result()
        raise ZeroDivisionError
    return first, waiting[-1]


def test_a_pool_that_was_left_with_work_is_not_kept() -> None:
    with keeping_pools():
        process, last = left_with_work()
        assert last.cancelled()
        assert gone(process)


def test_one_inside_another_does_not_share() -> None:
    with keeping_pools(), local_pool(2) as outer, local_pool(2) as inner:
        assert outer is not inner


def test_a_run_keeps_its_pool_from_stage_to_stage(tmp_path: Path) -> None:
    study = load_study(write_synthetic_study(tmp_path / "A", 1, 4, "A"))
    with open_run(study, tmp_path / "store", command="test", workers=Workers(2)):
        first = processes()
        assert len(first | processes()) <= 2
    assert all(gone(process) for process in first)
