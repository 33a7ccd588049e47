"""One command's hold on one study: the lock, the journal, and the study's place in a store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from outcome.config import Study
from outcome.errors import EXIT_BUG, EXIT_INTERRUPTED, DataRefusal, OutcomeError, StoreRefusal
from outcome.executor import Workers
from outcome.ledger import Ledger
from outcome.local_pools import keeping_pools
from outcome.pipeline.stage import Progress, Run, no_progress
from outcome.store import StudyStore, writing


@contextmanager
def open_run(
    study: Study,
    store: Path,
    *,
    command: str,
    workers: Workers | None = None,
    progress: Progress = no_progress,
    device: str = "auto",
    processes: int = 1,
) -> Iterator[Run]:
    """Hold a study's store for one command; another process is refused until this one ends.

    `device` ("auto", "cpu" or "cuda") is where networks compute, `processes` how many train one together.

    Raises StoreRefusal where the store is in use, or cannot be written.
    """
    place = StudyStore(store, study.name)
    try:
        with (
            place.lock(), writing(place.folder), keeping_pools(),
            Ledger.open(place.journal) as ledger, _journalled(ledger, command),
        ):  # fmt: skip
            yield Run(study, place, ledger, workers or Workers(), progress, device, processes=processes)
    except sqlite3.DatabaseError as error:
        raise _journal_refusal(place, error) from error
    except OSError as error:
        if error.filename is None or not Path(os.fsdecode(error.filename)).is_relative_to(study.root):
            raise
        raise DataRefusal(
            f"{os.fsdecode(error.filename)} cannot be read",
            found=str(error.strerror),
            next_step="check the file and the folders above it, then repeat the command: finished work is kept",
        ) from error


def _journal_refusal(place: StudyStore, error: sqlite3.DatabaseError) -> StoreRefusal:
    """What a journal that fails means. Raises what is a fault of the program and not of the file."""
    if isinstance(error, sqlite3.OperationalError):
        return StoreRefusal(
            f"the journal of {place.folder} cannot be written: {error}",
            next_step="free space on that disk, then repeat the command: finished work is kept",
        )
    if type(error) is not sqlite3.DatabaseError:
        raise error
    return StoreRefusal(
        f"the journal of {place.folder} is damaged: {error}",
        next_step=f"move {place.journal.name} away and repeat the command: finished work is found again without it",
    )


@contextmanager
def _journalled(ledger: Ledger, command: str) -> Iterator[None]:
    ledger.start_run(command)
    try:
        yield
    except BaseException as error:
        with suppress(sqlite3.Error):  # where the disk is full, that is the news, not that it cannot be noted
            ledger.finish_run(_exit_code(error))
        raise
    ledger.finish_run(ledger.exit_code)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return error.exit_code if isinstance(error, OutcomeError) else EXIT_BUG
