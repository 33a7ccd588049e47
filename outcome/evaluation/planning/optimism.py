"""How much better does a way of modelling look on its own cases than on new ones? Harrell's optimism bootstrap.

The whole way of modelling is repeated on resamples of the cases: what it scores on its own resample minus what it
scores on all cases is the optimism; its mean is taken off the apparent value. Harrell, Lee & Mark 1996,
doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.evaluation.intervals import resample
from outcome.types import FloatArray

DRAWS = 500
IntArray = npt.NDArray[np.intp]
# learns from the rows given (repeats included) and predicts all n cases
Learn = Callable[[IntArray], FloatArray]
# f(rows, predictions of these rows): a metric of some cases
Metric = Callable[[IntArray, FloatArray], float]


@dataclass(frozen=True)
class Corrected:
    """A metric as it appears on the cases learned from, the mean optimism, and how many resamples gave one."""

    apparent: float
    optimism: float
    draws: int

    @property
    def value(self) -> float:
        """What is to be expected of new cases of the same kind; NaN where no resample could be measured."""
        return self.apparent - self.optimism


def optimism_corrected(
    learn: Learn,
    metrics: Mapping[str, Metric],
    n: int,
    *,
    seed: int,
    draws: int = DRAWS,
    patients: npt.NDArray[np.generic] | None = None,
) -> dict[str, Corrected]:
    """Every metric corrected for optimism, from one set of resamples.

    `learn` repeats everything that looks at outcomes: a step left out stays in the optimism. `patients` (n,) keeps the
    rows of a patient together.
    """
    everybody = np.arange(n)
    apparent = {name: f(everybody, learn(everybody)) for name, f in metrics.items()}
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(draws):
        rows = resample(n, rng, patients)
        predicted = learn(rows)
        for name, f in metrics.items():
            found[name].append(f(rows, predicted[rows]) - f(everybody, predicted))
    return {name: _corrected(apparent[name], np.array(values)) for name, values in found.items()}


def _corrected(apparent: float, optimism: FloatArray) -> Corrected:
    defined = optimism[np.isfinite(optimism)]
    return Corrected(apparent, float(defined.mean()) if defined.size else math.nan, int(defined.size))
