"""One command's hold on one study: the lock, the journal, and the study's place in a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outcome.config import Study
from outcome.errors import EXIT_BUG, OutcomeError
from outcome.executor import Workers
from outcome.ledger import Ledger
from outcome.pipeline.stage import Progress, Run, no_progress
from outcome.store import StudyStore, writing


@contextmanager
def open_run(
    study: Study, store: Path, *, command: str, workers: Workers | None = None, progress: Progress = no_progress
) -> Iterator[Run]:
    """Hold a study's store for one command; another process is refused until this one ends."""
    place = StudyStore(store, study.name)
    with place.lock(), writing(place.folder), Ledger.open(place.journal) as ledger:
        ledger.start_run(command)
        try:
            yield Run(study, place, ledger, workers or Workers(), progress)
        except BaseException as error:
            ledger.finish_run(error.exit_code if isinstance(error, OutcomeError) else EXIT_BUG)
            raise
        ledger.finish_run(0)
