"""One command's hold on one study: the lock, the journal, and the study's place in a store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outcome.config import Study
from outcome.errors import EXIT_BUG, EXIT_OK, OutcomeError, StoreRefusal
from outcome.executor import Workers
from outcome.ledger import Ledger
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
        with place.lock(), writing(place.folder), Ledger.open(place.journal) as ledger, _journalled(ledger, command):
            yield Run(study, place, ledger, workers or Workers(), progress, device, processes=processes)
    except sqlite3.OperationalError as error:
        raise StoreRefusal(
            f"the journal of {place.folder} cannot be written: {error}",
            next_step="free space on that disk, then repeat the command: finished work is kept",
        ) from error


@contextmanager
def _journalled(ledger: Ledger, command: str) -> Iterator[None]:
    ledger.start_run(command)
    try:
        yield
    except BaseException as error:
        ledger.finish_run(error.exit_code if isinstance(error, OutcomeError) else EXIT_BUG)
        raise
    ledger.finish_run(EXIT_OK)
