"""A Dask cluster as a `concurrent.futures.Executor`, kept busy and no more while it grows and shrinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from outcome.errors import Refusal, UsageError

LOOK_AGAIN_S = 2.0  # after so long a cluster is asked again how many places it has


@contextmanager
def open_cluster(address: str) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """The cluster of the scheduler at the address, and how many items it can do at the same moment.

    Raises UsageError where no scheduler answers, Refusal where it goes away.
    """
    from distributed import Client  # two seconds to import, and most runs need none
    from distributed.comm import CommClosedError

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address}", found=str(error)[:120], next_step="check --scheduler"
        ) from error
    try:
        yield _OnCluster(client), _remembered(lambda: sum(client.nthreads().values()))
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
