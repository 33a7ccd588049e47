"""What a fitted rung says of a case beyond its risk, as rows: incidences over time, chances of grades, quantiles.

Times to an event: the calibrated cumulative incidence that `risk` is read from, on a grid of days, and that of the
competing event, unless the rung's hazard is one of the subdistribution. Grades and amounts: what a network's head says.
Chances of grades are the head's own, before calibration. Quantiles lie as far from the calibrated risk, on the modelled
scale, as the head's lie from its score, so that the median is the risk. Others: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.features.crops import NO_CROPS, Crops
from outcome.models.fitted import Said
from outcome.models.registry import of_subdistribution
from outcome.models.scale import from_score
from outcome.training.data import read_inputs
from outcome.training.procedure import Prediction, RungFit
from outcome.types import Detail, FloatArray

STEPS = 20  # days of the grid up to the longest horizon, beside the horizons themselves
RUNG_COLUMNS = ("case_id", "what", "at", "value")


def days_grid(horizons_days: Sequence[float]) -> tuple[float, ...]:
    """The horizons, and whole days in `STEPS` about equal steps up to the longest; rising, above 0."""
    if not horizons_days:
        return ()
    steps = np.round(np.linspace(0, max(horizons_days), STEPS + 1))
    inside = steps[(steps > 0) & (steps < max(horizons_days))]
    return tuple(float(day) for day in np.unique([*inside, *horizons_days]))


def rung_details(
    fit: RungFit,
    prediction: Prediction,
    frame: pd.DataFrame,
    horizons_days: Sequence[float] = (),
    crops: Crops = NO_CROPS,
) -> pd.DataFrame:
    """Rows `RUNG_COLUMNS` for the cases of a frame (index case_id), of which the rung gave this prediction.

    Sorted by what, case as in the frame, and `at`; no row where the rung says nothing more.
    """
    ids = frame.index.to_numpy(dtype=object)
    if fit.calibrator.baseline is not None:
        return joined([_rows(ids, *part) for part in _incidences(fit, prediction, days_grid(horizons_days))])
    said = fit.model.said(read_inputs(fit.rung.algorithm, fit.preprocessor, frame, crops))
    return joined([] if said is None else [_rows(ids, said.what, said.at, _calibrated(fit, prediction, said))])


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Some tables of rows one below the other; an empty table keeps the columns."""
    filled = [part for part in parts if len(part)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return pd.DataFrame({name: pd.Series(dtype=_DTYPES.get(name, "float64")) for name in RUNG_COLUMNS})


def _incidences(
    fit: RungFit, prediction: Prediction, days: tuple[float, ...]
) -> list[tuple[Detail, tuple[float, ...], FloatArray]]:
    baseline = fit.calibrator.baseline
    if baseline is None:
        return []
    event = (Detail.INCIDENCE, days, baseline.incidence(prediction.score, days))
    if of_subdistribution(fit.rung.algorithm):
        return [event]
    return [event, (Detail.COMPETING_INCIDENCE, days, baseline.competing_incidence(prediction.score, days))]


def _calibrated(fit: RungFit, prediction: Prediction, said: Said) -> FloatArray:
    if said.what is not Detail.QUANTILE:
        return said.value
    centre = fit.calibrator.intercept + prediction.score
    return from_score(fit.model.kind, centre[:, None] + said.value)


def _rows(ids: npt.NDArray[np.object_], what: Detail, at: tuple[float, ...], value: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case_id": np.repeat(ids, len(at)),
            "what": what.value,
            "at": np.tile(np.asarray(at, dtype=float), len(ids)),
            "value": value.ravel(),
        }
    )


_DTYPES = {"case_id": "object", "what": "object"}
