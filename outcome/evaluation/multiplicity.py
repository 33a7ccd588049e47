"""When many questions are asked of the same cases, which answers remain? Adjusted p-values.

`p_values` maps a question's name to its p-value, None (or NaN) where the test was withheld: such a question was not
asked, so it does not count. The order of the answer is that of the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from outcome.types import FloatArray

PValues = Mapping[str, float | None]


def holm(p_values: PValues) -> dict[str, float | None]:
    """p-values that keep the chance of even one false alarm at the level, however the tests depend on each other.

    Holm 1979, https://www.jstor.org/stable/4615733. Raises ValueError for a p-value outside [0, 1].
    """
    return _adjusted(p_values, _step_down)


def benjamini_hochberg(p_values: PValues) -> dict[str, float | None]:
    """p-values that keep the expected share of false alarms among all alarms at the level (independent or positively
    dependent tests). Weaker than `holm`: for exploring.

    Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x. Raises ValueError as `holm`.
    """
    return _adjusted(p_values, _step_up)


def _adjusted(p_values: PValues, rising: Callable[[FloatArray], FloatArray]) -> dict[str, float | None]:
    # NaN is the only number that differs from itself.
    asked = {name: float(p) for name, p in p_values.items() if p is not None and p == p}
    wrong = [name for name, p in asked.items() if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f"p-values lie in [0, 1]; those of {wrong} do not")
    names = sorted(asked, key=lambda name: asked[name])
    found = np.minimum(rising(np.array([asked[name] for name in names])), 1.0)
    adjusted = dict(zip(names, map(float, found), strict=True))
    return {name: adjusted.get(name) for name in p_values}


def _step_down(p: FloatArray) -> FloatArray:
    """Holm: the smallest of m times m, the next times m - 1, never falling."""
    return np.asarray(np.maximum.accumulate(p * np.arange(p.size, 0, -1)))


def _step_up(p: FloatArray) -> FloatArray:
    """Benjamini and Hochberg: the k-th smallest of m times m / k, never above the next."""
    return np.asarray(np.minimum.accumulate((p * p.size / np.arange(1, p.size + 1))[::-1])[::-1])


ADJUSTMENTS = {"holm": holm, "benjamini_hochberg": benjamini_hochberg}
