"""Cases that failed again and again: how often each was tried, and which are left alone until a person says otherwise.

Nothing is stored but the tries themselves (`outcome.ledger.Attempt`). A try counts for the work as it was: with another
file, other settings or another version of the program the case is other work and is tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from outcome.ledger import Attempt, Ledger
from outcome.store import StudyStore, writing

MOST_FAILURES = 3
MOST_CRASHES = 2
CUT_OFF_BEFORE_ALONE = 2


@dataclass(frozen=True)
class Tries:
    """How often a case's work was tried since it was last done or released, and why it failed last.

    `failures` counts every failed try, `crashes` those that lost their worker process, `cut_off` the runs that ended
    with no word while this case was done in their own process.
    """

    stage: str
    case_id: str
    key: str
    failures: int = 0
    crashes: int = 0
    cut_off: int = 0
    message: str = ""

    @property
    def quarantined(self) -> bool:
        return self.failures >= MOST_FAILURES or self.crashes >= MOST_CRASHES

    @property
    def suspected(self) -> bool:
        """Whether this case may be what ended the runs: it is then done in a process of its own."""
        return self.cut_off >= CUT_OFF_BEFORE_ALONE or self.crashes > 0

    def words(self) -> str:
        """What a person is told beside the reason."""
        said = [f"tried {self.failures} time{'s' if self.failures > 1 else ''}"] if self.failures else []
        said += [f"{self.crashes} lost their worker process"] if self.crashes else []
        said += [f"runs cut off on it: {self.cut_off}"] if self.cut_off else []
        return "; ".join([*said, *(["quarantined"] if self.quarantined else [])])


def tries(attempts: Iterable[Attempt]) -> dict[tuple[str, str, str], Tries]:
    """What was tried of each case since it was last done, by stage, case and key, the latest work last."""
    found: dict[tuple[str, str], dict[str, Tries]] = {}
    for attempt in attempts:
        if attempt.status == "done":
            found.pop((attempt.stage, attempt.case_id), None)
            continue
        of_case = found.setdefault((attempt.stage, attempt.case_id), {})
        before = of_case.pop(attempt.key, Tries(attempt.stage, attempt.case_id, attempt.key))
        of_case[attempt.key] = _after(before, attempt)
    return {(*name, key): known for name, of_case in found.items() for key, known in of_case.items()}


def _after(before: Tries, attempt: Attempt) -> Tries:
    if attempt.status == "released":
        return replace(before, failures=0, crashes=0, cut_off=0)
    if attempt.status == "begun":
        return replace(before, cut_off=before.cut_off + 1)
    # An end takes back the beginning of the same try.
    return replace(
        before,
        failures=before.failures + 1,
        crashes=before.crashes + (attempt.status == "crashed"),
        cut_off=0,
        message=attempt.message,
    )


def unfinished(ledger: Ledger) -> list[Tries]:
    """Every case that was tried and is not done, by stage and case; of several works of a case the latest."""
    latest = {(found.stage, found.case_id): found for found in tries(ledger.attempts()).values()}
    return [latest[name] for name in sorted(latest)]


def quarantined(ledger: Ledger) -> list[Tries]:
    """The cases that a run leaves alone, by stage and case."""
    return [found for found in unfinished(ledger) if found.quarantined]


def listed(ledger: Ledger) -> list[dict[str, str]]:
    """The same for a reader: stage, case, reason and how often it was tried."""
    return [
        {"stage": case.stage, "case_id": case.case_id, "reason": case.message, "tries": case.words()}
        for case in quarantined(ledger)
    ]


def release(store: StudyStore, case_ids: Collection[str]) -> list[Tries]:
    """Let these quarantined cases of a study be tried again; returns them. Raises StoreRefusal where it is in use."""
    with store.lock(), writing(store.folder), Ledger.open(store.journal) as ledger:
        found = [case for case in quarantined(ledger) if case.case_id in case_ids]
        for case in found:
            ledger.record(Attempt(case.stage, case.case_id, "released", key=case.key))
    return found
