"""A folder that is watched: a case is handed on once nobody writes to its files any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

from segmentation.images.case_files import CaseFiles

State = list[list[str | int]]


def watch(
    cases: Callable[[], Sequence[CaseFiles]],
    work: Callable[[Sequence[CaseFiles]], None],
    stop: Event,
    interval_s: float,
) -> None:
    """Hand every complete case on once, when two looks `interval_s` apart found its files alike and none empty.

    A case whose files change later is handed on again. Ends when `stop` is set, after the cases in hand.
    """
    before: dict[str, State] = {}
    handed: dict[str, State] = {}
    while not stop.is_set():
        now = _states(cases())
        ready = [
            case
            for name, (case, state) in now.items()
            if before.get(name) == state and handed.get(name) != state and all(int(size) > 0 for _, size, _ in state)
        ]
        before = {name: state for name, (_, state) in now.items()}
        for case in ready:
            if stop.is_set():
                return
            work([case])
            handed[case.name] = before[case.name]
        stop.wait(interval_s)


def _states(cases: Sequence[CaseFiles]) -> dict[str, tuple[CaseFiles, State]]:
    """Complete cases with the state of their files; one whose file goes away meanwhile is left out."""
    found = {}
    for case in cases:
        if not case.missing:
            try:
                found[case.name] = (case, case.state)
            except OSError:
                continue
    return found
