"""Where work runs: in this process, in local processes, or on a Dask cluster, all as `concurrent.futures.Executor`.

One bad item never stops the others: an exception, or a worker process that dies, becomes that item's own result.
A cluster may grow and shrink while it works; what its lost workers had in hand others do again.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver
from typing import Any, Generic, TypeVar

from outcome.errors import OutcomeError, Refusal, UsageError

T = TypeVar("T")
R = TypeVar("R")

START_METHOD = "forkserver"
AHEAD = 3  # items in flight for each place where one can run: enough that no place waits, few enough to fit in memory
LOOK_AGAIN_S = 2.0  # after so long a cluster is asked again how many places it has
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
class Opened:
    """An executor, and how many items it can do at the same moment (asked anew each time: a cluster grows).

    `lost`: what a future raises where the item's end never came back; an exception of the item itself is data.
    """

    executor: Executor
    places: Callable[[], int]
    lost: tuple[type[Exception], ...] = (BrokenProcessPool,)


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
    if workers.count == 1 and workers.scheduler is None:
        yield from (_attempt(function, item) for item in todo)
        return
    while todo:
        with open_executor(workers) as opened:
            suspects, todo = yield from _drain(opened, function, todo)
        # A pool that loses a worker drops everything in flight, a cluster what was on workers that died thrice: each is
        # tried alone, so only the culprit fails.
        for item in suspects:
            yield _alone(workers, function, item)


@contextmanager
def open_executor(workers: Workers) -> Iterator[Opened]:
    """An executor for `workers`; closed on leaving, pending work dropped."""
    if workers.scheduler is not None:
        with _dask_executor(workers.scheduler) as opened:
            yield opened
        return
    executor = _local_pool(workers.count)
    try:
        yield Opened(executor, lambda: workers.count)
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
def _dask_executor(address: str) -> Iterator[Opened]:
    from distributed import Client  # two seconds to import, and most runs need none
    from distributed.comm import CommClosedError

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address}", found=str(error)[:120], next_step="check --scheduler"
        ) from error
    try:
        yield Opened(_OnCluster(client), _remembered(lambda: sum(client.nthreads().values())), (Exception,))
    except (CancelledError, CommClosedError) as error:
        raise Refusal(
            f"the Dask scheduler at {address} went away",
            next_step="start it again and repeat the command: finished cases are kept",
        ) from error
    finally:
        client.close()


class _OnCluster(Executor):
    """Items handed to a cluster. Dask's own executor never ends a future whose result was lost and could not be made
    again, and so waits for ever."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, function: Callable[..., Any], /, *words: Any, **named: Any) -> Future[Any]:
        here = Future[Any]()
        there = self._client.submit(function, *words, pure=False, **named)
        there.add_done_callback(partial(_hand_over, here))
        return here


def _hand_over(here: Future[Any], there: Any) -> None:
    try:
        here.set_result(there.result())
    except Exception as error:
        here.set_exception(error)
    except BaseException as error:  # Dask's word for a scheduler that went away
        here.set_exception(CancelledError(str(error)))


def _remembered(ask: Callable[[], int]) -> Callable[[], int]:
    """The answer to a question that costs a message, asked again after a while."""
    known, asked_at = 0, -LOOK_AGAIN_S

    def places() -> int:
        nonlocal known, asked_at
        if time.monotonic() - asked_at >= LOOK_AGAIN_S:
            known, asked_at = ask(), time.monotonic()
        return known

    return places


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
    return Done(item, *_end(function, item))


def _end(function: Callable[[T], R], item: T) -> tuple[R | None, BaseException | None, float]:
    """Value, error and seconds of one item: what a worker sends back, for the item may be large."""
    start = time.perf_counter()
    try:
        return function(item), None, time.perf_counter() - start
    except Exception as error:
        return None, error, time.perf_counter() - start


def _drain(
    opened: Opened, function: Callable[[T], R], todo: list[T]
) -> Generator[Done[T, R], None, tuple[list[T], list[T]]]:
    """Yield ends until all are done or a pool breaks; return the items to be tried alone, and those never begun.

    A cluster does not break with a worker: it goes on with the rest.
    """
    broken, queue = False, deque(todo)
    waiting: dict[Future[Any], T] = {}
    suspects: list[T] = []
    while (queue and not broken) or waiting:
        while queue and not broken and len(waiting) < max(1, AHEAD * opened.places()):
            try:
                waiting[opened.executor.submit(_end, function, queue[0])] = queue[0]
            except BrokenProcessPool:
                break  # the futures in flight carry the same news
            queue.popleft()
        for future in wait(waiting, LOOK_AGAIN_S, return_when=FIRST_COMPLETED).done:
            item = waiting.pop(future)
            try:
                end = future.result()
            except CancelledError:
                raise
            except opened.lost as error:
                suspects.append(item)
                broken = broken or isinstance(error, BrokenProcessPool)
            else:
                yield Done(item, *end)
    return suspects, list(queue)


def _alone(workers: Workers, function: Callable[[T], R], item: T) -> Done[T, R]:
    with open_executor(Workers(1, workers.scheduler)) as opened:
        try:
            return Done(item, *opened.executor.submit(_end, function, item).result())
        except CancelledError:
            raise
        except opened.lost as error:
            died = OutcomeError("the worker process died on this case", next_step="look at the case's files")
            return Done(item, None, died if _is_death(error) else error, 0.0)


def _is_death(error: Exception) -> bool:
    """Whether workers died on the item; a cluster says so under a name of its own."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"
