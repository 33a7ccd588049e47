"""Local worker processes: forked from a server that imports the program once, one thread each, gone with the run."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, forkserver
from typing import Literal

START_METHOD: Literal["forkserver"] = "forkserver"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_kept: dict[int, ProcessPoolExecutor] | None = None  # by how many processes, within `keeping_pools`


@contextmanager
def keeping_pools() -> Iterator[None]:
    """Within, pools stay from one use to the next: their processes load compiled code once, not once a stage."""
    global _kept
    if _kept is not None:
        yield
        return
    _kept = {}
    try:
        yield
    finally:
        pools, _kept = _kept, None
        for pool in pools.values():
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def local_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes. On leaving they end, pending work dropped; or stay, where pools are kept and all went well."""
    pool = (_kept or {}).pop(count, None) or _new_pool(count)
    try:
        yield pool
    except BaseException:  # work may still be pending
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    if _kept is not None and count not in _kept and _is_sound(pool):
        _kept[count] = pool
    else:
        pool.shutdown(wait=True, cancel_futures=True)


def _is_sound(pool: ProcessPoolExecutor) -> bool:
    """Whether the pool still takes work: one that lost a process never does again."""
    try:
        pool.submit(int).result()
    except BrokenProcessPool:
        return False
    return True


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


def _new_pool(count: int) -> ProcessPoolExecutor:
    prepare_server()
    context = multiprocessing.get_context(START_METHOD)
    return ProcessPoolExecutor(max_workers=count, mp_context=context, initializer=end_with_the_run)


def end_with_the_run() -> None:
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
