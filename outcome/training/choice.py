"""Which rung to trust: the simplest one within one standard error of the best (decision 0002)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcome.training.candidates import Candidate


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen candidate, the one of best mean, and the reason for the choice in plain words."""

    candidate: Candidate
    best: Candidate
    reason: str


def choose(found: Sequence[Candidate], metric: str) -> Choice:
    """The simplest rung whose mean inner score lies behind the best one's by no more than that difference's error.

    `found`: one candidate a rung, simplest first. Yates, Aandahl, Richards & Brook 2023, doi:10.1002/ecm.1557.
    """
    best = max(found, key=lambda candidate: candidate.mean)  # of equals the first: the simpler
    chosen = next(candidate for candidate in found if _within_one_error(candidate, best))
    return Choice(chosen, best, _reason(chosen, best, metric))


def _within_one_error(candidate: Candidate, best: Candidate) -> bool:
    difference, error = candidate.behind(best)
    return difference <= error


def _reason(chosen: Candidate, best: Candidate, metric: str) -> str:
    if chosen is best:
        return (
            f"'{best.rung.name}' had the best mean inner {metric} ({best.mean:.3f}) and no simpler rung came within "
            "one standard error of the difference"
        )
    difference, error = chosen.behind(best)
    return (
        f"'{chosen.rung.name}' is the simplest rung within one standard error of the best: its mean inner {metric} "
        f"{chosen.mean:.3f} is {difference:.3f} behind '{best.rung.name}', with a standard error of {error:.3f}"
    )
