"""What do patients elsewhere say about a frozen model? Their outcomes, and how likely a changed model makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from outcome.errors import DataRefusal
from outcome.evaluation.newton import Derivatives, maximise
from outcome.types import FloatArray

# Beyond it an exponential is certainty, and a wild first step must not overflow.
LARGEST = 500.0


@dataclass(frozen=True, eq=False)
class UpdateCases:
    """Outcomes of n cases beside the frozen model's linear predictor. Build with `binary` or `timed`.

    `columns` (n, k) are what the last layer reads, where it can be refitted; the linear predictor must be a weighted
    sum of them plus a constant, or "refit" would not hold the rungs below it.
    """

    happened: FloatArray  # (n,) 0 or 1
    linear_predictor: FloatArray  # (n,) log odds, or log hazard relative to the baseline; higher is riskier
    exposure: FloatArray | None = None  # (n,) the baseline's cumulative hazard at each case's end; None for yes/no
    columns: FloatArray | None = None  # (n, k)

    def __post_init__(self) -> None:
        shapes = {len(part) for part in (self.happened, self.linear_predictor, self.exposure, self.columns)
                  if part is not None}  # fmt: skip
        if len(shapes) != 1:
            raise ValueError(f"outcomes, linear predictor, exposure and columns differ in length: {sorted(shapes)}")
        wrong = int(np.sum(~np.isfinite(self.linear_predictor)))
        if wrong:
            raise DataRefusal("linear predictors are missing or infinite", expected="a number a case",
                              found=f"{wrong} of {len(self.happened)} are not")  # fmt: skip

    @classmethod
    def binary(cls, y: FloatArray, log_odds: FloatArray, columns: FloatArray | None = None) -> UpdateCases:
        """`y` (n,) 0 or 1; `log_odds` (n,) of the frozen model. Raises DataRefusal for another outcome."""
        outcome = np.asarray(y, dtype=float)
        if not np.isin(outcome, (0, 1)).all():
            raise DataRefusal("the outcome is not yes or no", expected="0 or 1", found="other values")
        return cls(outcome, np.asarray(log_odds, dtype=float), None, columns)

    @classmethod
    def timed(
        cls,
        time_days: FloatArray,
        event: FloatArray,
        log_hazard: FloatArray,
        cumulative_baseline: Callable[[FloatArray], FloatArray],
        horizon_days: float,
        *,
        columns: FloatArray | None = None,
    ) -> UpdateCases:
        """`time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `log_hazard` (n,) of the frozen
        model, relative to the baseline whose cumulative hazard by given days `cumulative_baseline` gives. Follow-up is
        cut at `horizon_days`: risks by it say nothing about later.
        """
        time = np.asarray(time_days, dtype=float)
        happened = ((np.asarray(event) == 1) & (time <= horizon_days)).astype(float)
        exposure = np.asarray(cumulative_baseline(np.minimum(time, horizon_days)), dtype=float)
        return cls(happened, np.asarray(log_hazard, dtype=float), exposure, columns)

    @property
    def n(self) -> int:
        return len(self.happened)

    @property
    def n_events(self) -> int:
        return int(self.happened.sum())

    @property
    def informative(self) -> int:
        """Events, or for yes/no the rarer of the two outcomes."""
        return self.n_events if self.exposure is not None else min(self.n_events, self.n - self.n_events)

    def take(self, rows: npt.NDArray[Any]) -> UpdateCases:
        exposure, columns = (None if part is None else part[rows] for part in (self.exposure, self.columns))
        return UpdateCases(self.happened[rows], self.linear_predictor[rows], exposure, columns)

    def log_likelihood(self, predictor: FloatArray) -> float:
        """Of the outcomes under these linear predictors (n,), up to a constant."""
        if self.exposure is None:
            return float(self.happened @ predictor - np.sum(np.logaddexp(0.0, predictor)))
        return float(self.happened @ predictor - self.exposure @ np.exp(np.clip(predictor, -LARGEST, LARGEST)))

    def fit(self, design: FloatArray, offset: FloatArray) -> FloatArray | None:
        """The coefficients (k,) of `design` (n, k) beside a fixed `offset` (n,); None where there is no maximum."""

        def derivatives(beta: FloatArray) -> Derivatives:
            predictor = offset + design @ beta
            if self.exposure is None:
                expected = expit(predictor)
                weight = expected * (1 - expected)
            else:
                expected = weight = self.exposure * np.exp(np.clip(predictor, -LARGEST, LARGEST))
            score = design.T @ (self.happened - expected)
            return self.log_likelihood(predictor), score, design.T @ (design * weight[:, None])

        found = maximise(derivatives, design.shape[1])
        return None if found is None else found[0]
