"""Where work runs: in this process, in local processes, or on a Dask cluster, all as `concurrent.futures.Executor`.

One bad item never stops the others: an exception, or a worker process that dies, becomes that item's own result.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any, Generic, TypeVar

from outcome.errors import OutcomeError, UsageError

T = TypeVar("T")
R = TypeVar("R")

START_METHOD = "forkserver"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Workers:
    """How work is spread: `count` local processes (1 = this process), or a Dask scheduler's address."""

    count: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError("--workers must be at least 1", found=str(self.count))


@dataclass(frozen=True)
class Done(Generic[T, R]):
    """One item's end: `value` where it went well, `error` where it did not; `seconds` of its own work."""

    item: T
    value: R | None
    error: BaseException | None
    seconds: float


def map_cases(workers: Workers, function: Callable[[T], R], items: Iterable[T]) -> Iterator[Done[T, R]]:
    """Apply `function` to every item and yield each end as it comes (order not kept).

    `function` and items must be picklable unless one local worker is used. Work ahead of the reader is bounded.
    """
    todo = list(items)
    if workers.count == 1 and workers.scheduler is None:
        yield from (_attempt(function, item) for item in todo)
        return
    while todo:
        with open_executor(workers) as executor:
            suspects, todo = yield from _drain(executor, function, todo, workers.count * 3)
        # A pool that loses a worker drops everything in flight: each is tried alone, so only the culprit fails.
        for item in suspects:
            yield _alone(function, item)


@contextmanager
def open_executor(workers: Workers) -> Iterator[Executor]:
    """An executor for `workers`; closed on leaving, pending work dropped."""
    if workers.scheduler is not None:
        with _dask_executor(workers.scheduler) as executor:
            yield executor
        return
    executor = _local_pool(workers.count)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def prepare_server(also: Iterable[str] = ()) -> None:
    """Start the server from which processes are forked, where none runs: it imports this program and `also` once.

    A spawned process would import it anew.
    """
    context = multiprocessing.get_context(START_METHOD)
    # Named one by one: preloading the main module, the default, does nothing in Python 3.11.
    package = __name__.partition(".")[0]
    ours = [name for name in sorted(sys.modules) if name.partition(".")[0] == package and "__main__" not in name]
    context.set_forkserver_preload(list(dict.fromkeys([*ours, *also])))
    with _single_threaded():
        forkserver.ensure_running()


def _local_pool(count: int) -> ProcessPoolExecutor:
    prepare_server()
    return ProcessPoolExecutor(max_workers=count, mp_context=multiprocessing.get_context(START_METHOD))


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    from distributed import Client  # a cluster client costs two seconds to import; most runs need none

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address}", found=str(error)[:120], next_step="check --scheduler"
        ) from error
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()


@contextmanager
def _single_threaded() -> Iterator[None]:
    """One thread a worker: the libraries read these variables when the server imports them."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _attempt(function: Callable[[T], R], item: T) -> Done[T, R]:
    """Run one item; its exception becomes data. A full disk or a stop by the user is everyone's and is raised."""
    start = time.perf_counter()
    try:
        return Done(item, function(item), None, time.perf_counter() - start)
    except Exception as error:
        return Done(item, None, error, time.perf_counter() - start)


def _drain(
    executor: Executor, function: Callable[[T], R], todo: list[T], ahead: int
) -> Generator[Done[T, R], None, tuple[list[T], list[T]]]:
    """Yield ends until all are done or the pool breaks; return the items in flight then, and those never begun."""
    queue = deque(todo)
    waiting: dict[Future[Any], T] = {}
    suspects: list[T] = []
    while (queue and not suspects) or waiting:
        while queue and not suspects and len(waiting) < ahead:
            try:
                waiting[executor.submit(_attempt, function, queue[0])] = queue[0]
            except BrokenProcessPool:
                break  # the futures in flight carry the same news
            queue.popleft()
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            item = waiting.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                suspects.append(item)
    return suspects, list(queue)


def _alone(function: Callable[[T], R], item: T) -> Done[T, R]:
    try:
        with open_executor(Workers(1)) as executor:
            return executor.submit(_attempt, function, item).result()
    except BrokenProcessPool:
        error = OutcomeError("the worker process died on this case", next_step="look at the case's files")
        return Done(item, None, error, 0.0)
