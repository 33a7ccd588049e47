"""Which rung to trust: the simplest one within one standard error of the best (decision 0002)."""

from __future__ import annotations

from dataclasses import dataclass

from outcome.training.search import Candidate, Search


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen candidate and the reason in plain words."""

    candidate: Candidate
    reason: str


def choose(found: Search, metric: str) -> Choice:
    """The simplest rung whose mean inner score is at least the best one's minus its standard error.

    Breiman, Friedman, Olshen & Stone 1984, Classification and Regression Trees, doi:10.1201/9781315139470.
    """
    best = max(found.best, key=lambda candidate: candidate.mean)  # of equals the first: the simpler
    limit = best.mean - found.standard_error
    simplest = next(candidate for candidate in found.best if candidate.mean >= limit)
    return Choice(simplest, _reason(simplest, best, found.standard_error, metric))


def _reason(chosen: Candidate, best: Candidate, error: float, metric: str) -> str:
    if chosen is best:
        return (
            f"'{best.rung.name}' had the best mean inner {metric} ({best.mean:.3f}) and no simpler rung came within "
            f"one standard error ({error:.3f})"
        )
    return (
        f"'{chosen.rung.name}' is the simplest rung within one standard error ({error:.3f}) of the best: mean inner "
        f"{metric} {chosen.mean:.3f}, best '{best.rung.name}' {best.mean:.3f}"
    )
