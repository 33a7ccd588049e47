"""Where work runs: in this process, in local processes, or on a Dask cluster, all as `concurrent.futures.Executor`.

One bad item never stops the others: an exception, a worker process that dies, or one that never ends becomes that
item's own result. A cluster may grow and shrink while it works; what its lost workers had in hand others do again.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import connection
from typing import Any, Generic, TypeVar

from outcome.dask_cluster import LOOK_AGAIN_S, open_cluster
from outcome.errors import LostCase, OutcomeError, UsageError
from outcome.local_pools import START_METHOD, end_with_the_run, local_pool, prepare_server

T = TypeVar("T")
R = TypeVar("R")
End = tuple[R | None, BaseException | None, float]  # value, error, seconds: what a worker sends back

AHEAD = 3  # tasks in flight for each place where one can run: enough that no place waits, few enough to fit in memory
TASK_S = 0.5  # quick items go to a cluster together until they are so much work: each task costs it some 10 ms
TOGETHER = 16


@dataclass(frozen=True)
class Workers:
    """How work is spread: `count` local processes (1 = this process), or a Dask scheduler's address.

    `seconds`: an item that takes longer has its worker process ended; then even one worker is a process of its own.
    """

    count: int = 1
    scheduler: str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError("--workers must be at least 1", found=str(self.count))
        if self.seconds is not None and (self.seconds <= 0 or self.scheduler is not None):
            raise UsageError(
                "--case-timeout must be above 0, and is for local workers", found=f"{self.seconds:g}, {self.scheduler}",
                next_step="leave out --case-timeout, or --scheduler",
            )  # fmt: skip

    @property
    def in_process(self) -> bool:
        """Whether work is done in this very process: then what kills it kills the run."""
        return self.count == 1 and self.scheduler is None and self.seconds is None


@dataclass(frozen=True)
class Opened:
    """An executor, and how many items it can do at the same moment (asked anew each time: a cluster grows).

    `lost`: what a future raises where the item's end never came back; an exception of the item itself is data.
    `together`: the most items in one task.
    """

    executor: Executor
    places: Callable[[], int]
    lost: tuple[type[Exception], ...] = (BrokenProcessPool,)
    together: int = 1


@dataclass(frozen=True)
class Done(Generic[T, R]):
    """One item's end: `value` where it went well, `error` where it did not; `seconds` of its own work."""

    item: T
    value: R | None
    error: BaseException | None
    seconds: float


def map_cases(workers: Workers, function: Callable[[T], R], items: Iterable[T]) -> Iterator[Done[T, R]]:
    """Apply `function` to every item and yield each end as it comes (order not kept).

    `function` and items must be picklable unless one local worker is used. Work ahead of the reader is bounded, by
    places of the cluster where there is one. Raises Refusal where a cluster's scheduler goes away.
    """
    todo = list(items)
    if workers.in_process:
        yield from (Done(item, *_end(function, item)) for item in todo)
        return
    task = partial(_end_away, function, workers.seconds)
    while todo:
        with open_executor(workers) as opened:
            suspects, todo = yield from _drain(opened, task, todo)
        # A pool that loses a worker drops everything in flight, a cluster what was on workers that died again and
        # again: each is tried alone, so only the culprit fails.
        for item in suspects:
            yield (
                _alone_on_cluster(workers, task, item) if workers.scheduler else alone(function, item, workers.seconds)
            )


@contextmanager
def open_executor(workers: Workers) -> Iterator[Opened]:
    """An executor for `workers`; closed on leaving, pending work dropped."""
    if workers.scheduler is not None:
        with open_cluster(workers.scheduler) as (cluster, places):
            yield Opened(cluster, places, (Exception,), TOGETHER)
        return
    with local_pool(workers.count) as pool:
        yield Opened(pool, lambda: workers.count)


def alone(function: Callable[[T], R], item: T, seconds: float | None = None) -> Done[T, R]:
    """Do one item in a process of its own, where nothing else can be lost: `LostCase` where that process ends."""
    prepare_server()
    start = time.perf_counter()
    context = multiprocessing.get_context(START_METHOD)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, partial(_end_away, function, seconds), item))
    process.start()
    theirs.close()
    try:
        return Done(item, *ours.recv())
    except EOFError:
        process.join()
        timed_out = process.exitcode == -signal.SIGALRM
        return Done(item, None, _lost(seconds if timed_out else None), time.perf_counter() - start)
    finally:
        ours.close()
        process.kill()
        process.join()


def _tell(run: connection.Connection, task: Callable[[T], End[R]], item: T) -> None:
    end_with_the_run()
    run.send(task(item))


def _lost(seconds: float | None = None) -> LostCase:
    if seconds is not None:
        return LostCase(
            f"this case was not done within {seconds:g} s (--case-timeout)",
            next_step="look at the case's files, or give it more time",
        )
    return LostCase("the worker process died on this case", next_step="look at the case's files")


def _end(function: Callable[[T], R], item: T) -> End[R]:
    """Run one item; its exception becomes data, and so does a library that wants to end the process."""
    start = time.perf_counter()
    try:
        return function(item), None, time.perf_counter() - start
    except (Exception, SystemExit) as error:
        return None, error, time.perf_counter() - start


def _end_away(function: Callable[[T], R], seconds: float | None, item: T) -> End[R]:
    """Run one item in a worker process, which the kernel ends after `seconds`, whatever it is busy with.

    An exception of a library goes home as its type and words: not every one survives the way between processes.
    """
    if seconds is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    value, error, took = _end(function, item)
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if error is None or isinstance(error, (OutcomeError, MemoryError)):
        return value, error, took
    return None, FailedElsewhere(f"{type(error).__name__}: {error}"), took


class FailedElsewhere(Exception):
    """What went wrong in another process, in words: the type of the exception and what it said."""


def reason(error: BaseException | None) -> str:
    """Why an item failed, in the same words wherever it was done."""
    if isinstance(error, MemoryError):
        return "not enough memory for this case"
    return str(error) if isinstance(error, (OutcomeError, FailedElsewhere)) else f"{type(error).__name__}: {error}"


def _drain(
    opened: Opened, task: Callable[[T], End[R]], todo: list[T]
) -> Generator[Done[T, R], None, tuple[list[T], list[T]]]:
    """Yield ends until all are done or a pool breaks; return the items to be tried alone, and those never begun.

    A cluster does not break with a worker: it goes on with the rest.
    """
    broken, queue, size = False, deque(todo), 1
    waiting: dict[Future[Any], list[T]] = {}
    suspects: list[T] = []
    while (queue and not broken) or waiting:
        while queue and not broken and len(waiting) < max(1, AHEAD * opened.places()):
            items = list(islice(queue, size))
            try:
                waiting[opened.executor.submit(_each, task, items)] = items
            except BrokenProcessPool:
                break  # the futures in flight carry the same news
            for _ in items:
                queue.popleft()
        for future in wait(waiting, LOOK_AGAIN_S, return_when=FIRST_COMPLETED).done:
            items = waiting.pop(future)
            try:
                ends = future.result()
            except CancelledError:
                raise
            except opened.lost as error:
                suspects += items
                broken = broken or isinstance(error, BrokenProcessPool)
            else:
                size = _size(ends, opened.together)
                yield from (Done(item, *end) for item, end in zip(items, ends, strict=True))
    return suspects, list(queue)


def _each(task: Callable[[T], End[R]], items: list[T]) -> list[End[R]]:
    return [task(item) for item in items]


def _size(ends: list[End[Any]], most: int) -> int:
    """How many items like these are enough work for one task."""
    took = sum(seconds for _, _, seconds in ends) / len(ends)
    return max(1, min(most, int(TASK_S / max(took, 1e-9))))


def _alone_on_cluster(workers: Workers, task: Callable[[T], End[R]], item: T) -> Done[T, R]:
    with open_executor(workers) as opened:
        try:
            return Done(item, *opened.executor.submit(task, item).result())
        except CancelledError:
            raise
        except opened.lost as error:
            died = type(error).__name__ == "KilledWorker"  # Dask's own name for workers that died on an item
            return Done(item, None, _lost() if died else error, 0.0)
