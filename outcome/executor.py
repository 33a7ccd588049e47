"""Where work runs: in this process, in local processes, or on a Dask cluster, all as `concurrent.futures.Executor`.

One bad item never stops the others: an exception, a worker process that dies, or one that never ends becomes that
item's own result.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import connection, forkserver
from typing import Any, Generic, Literal, TypeVar

from outcome.errors import LostCase, OutcomeError, UsageError

T = TypeVar("T")
R = TypeVar("R")

START_METHOD: Literal["forkserver"] = "forkserver"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


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
    if workers.in_process:
        yield from (_attempt(function, item) for item in todo)
        return
    task = partial(_attempt_away, function, workers.seconds)
    while todo:
        with open_executor(workers) as executor:
            suspects, todo = yield from _drain(executor, task, todo, workers.count * 3)
        # A pool that loses a worker drops everything in flight: each is tried alone, so only the culprit fails.
        for item in suspects:
            yield alone(function, item, workers.seconds)


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
    context = multiprocessing.get_context(START_METHOD)
    return ProcessPoolExecutor(max_workers=count, mp_context=context, initializer=_end_with_the_run)


def _end_with_the_run() -> None:
    """In a worker: end as soon as the run's own process ends.

    A worker waits for work from a queue whose writing end it holds itself, so it would outlive a killed run for ever:
    with its memory, and writing into a store that the next run holds.
    """
    run = multiprocessing.parent_process()
    if run is not None:
        threading.Thread(target=_end_after, args=(run.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


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


def alone(function: Callable[[T], R], item: T, seconds: float | None = None) -> Done[T, R]:
    """Do one item in a process of its own, where nothing else can be lost: `LostCase` where that process ends."""
    prepare_server()
    start = time.perf_counter()
    context = multiprocessing.get_context(START_METHOD)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, partial(_attempt_away, function, seconds), item))
    process.start()
    theirs.close()
    try:
        done: Done[T, R] = ours.recv()
        return done
    except EOFError:
        process.join()
        timed_out = process.exitcode == -signal.SIGALRM
        return Done(item, None, _lost(seconds if timed_out else None), time.perf_counter() - start)
    finally:
        ours.close()
        process.kill()
        process.join()


def _tell(run: connection.Connection, task: Callable[[T], Done[T, R]], item: T) -> None:
    _end_with_the_run()
    run.send(task(item))


def _lost(seconds: float | None = None) -> LostCase:
    if seconds is not None:
        return LostCase(
            f"this case was not done within {seconds:g} s (--case-timeout)",
            next_step="look at the case's files, or give it more time",
        )
    return LostCase("the worker process died on this case", next_step="look at the case's files")


def _attempt(function: Callable[[T], R], item: T) -> Done[T, R]:
    """Run one item; its exception becomes data, and so does a library that wants to end the process."""
    start = time.perf_counter()
    try:
        return Done(item, function(item), None, time.perf_counter() - start)
    except (Exception, SystemExit) as error:
        return Done(item, None, error, time.perf_counter() - start)


def _attempt_away(function: Callable[[T], R], seconds: float | None, item: T) -> Done[T, R]:
    """Run one item in a worker process, which the kernel ends after `seconds`, whatever it is busy with.

    An exception of a library goes home as its type and words: not every one survives the way between processes.
    """
    if seconds is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    done = _attempt(function, item)
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if done.error is None or isinstance(done.error, (OutcomeError, MemoryError)):
        return done
    return replace(done, error=FailedElsewhere(f"{type(done.error).__name__}: {done.error}"))


class FailedElsewhere(Exception):
    """What went wrong in another process, in words: the type of the exception and what it said."""


def reason(error: BaseException | None) -> str:
    """Why an item failed, in the same words wherever it was done."""
    if isinstance(error, MemoryError):
        return "not enough memory for this case"
    return str(error) if isinstance(error, (OutcomeError, FailedElsewhere)) else f"{type(error).__name__}: {error}"


def _drain(
    executor: Executor, task: Callable[[T], Done[T, R]], todo: list[T], ahead: int
) -> Generator[Done[T, R], None, tuple[list[T], list[T]]]:
    """Yield ends until all are done or the pool breaks; return the items in flight then, and those never begun."""
    queue = deque(todo)
    waiting: dict[Future[Any], T] = {}
    suspects: list[T] = []
    while (queue and not suspects) or waiting:
        while queue and not suspects and len(waiting) < ahead:
            try:
                waiting[executor.submit(task, queue[0])] = queue[0]
            except BrokenProcessPool:
                break  # the futures in flight carry the same news
            queue.popleft()
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            item = waiting.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                suspects.append(item)
            except Exception as error:
                if type(error).__name__ != "KilledWorker":  # Dask's own name for a worker that died more than once
                    raise
                yield Done(item, None, _lost(), 0.0)
    return suspects, list(queue)
