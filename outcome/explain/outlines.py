"""How far would a risk move had the region been outlined differently, everything else being as it is?

Only measurements of the region move: the record, the crops that networks read and the batch stay those of the case. The
range is the 5 % and the 95 % quantile of the risks over the outlines (linear between neighbours), beside the risk as
given, which may lie outside. It speaks of outlines alone: neither of the model's own uncertainty nor of outcomes.
What the outlines are (`kind`) decides what the range means: the case's own one changed by a stated amount, those that
the network which drew it would draw more cautiously or generously, or those that readers handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from outcome.features.crops import NO_CROPS, Crops
from outcome.training.procedure import FittedProcedure
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind, FloatArray

OUTLINE_COLUMNS = (
    "case_id",
    "endpoint",
    "inputs",
    "horizon_days",
    "risk",  # as given
    "low",
    "high",
    "n_outlines",
    "moved_most",  # up to three measurements and how far they moved, in standard deviations of the training cases
    "reason",  # why there is no range, or ""
    "kind",  # of the outlines: CHANGED, NETWORK or HANDED_OVER; "" where there are none
)
CHANGED, NETWORK, HANDED_OVER = "changed", "network", "handed_over"
QUANTILES = (0.05, 0.95)
_PREFIX, _MOST, _LEAST_MOVE = "radiomics:", 3, 0.005


def outline_table(
    units: Mapping[str, TrainedUnit],
    row: pd.DataFrame,
    outlines: Sequence[Mapping[str, float]],
    crops: Crops = NO_CROPS,
    *,
    reason: str = "",
    kind: str = CHANGED,
) -> pd.DataFrame:
    """The range of one case's risks over several outlines, OUTLINE_COLUMNS: one row an endpoint, input set and horizon.

    `row` holds the case's features as given (index case_id), each of `outlines` its measurements `<region>.<tag>` by
    another outline; what one lacks is missing there and imputed as ever. Without outlines low and high are missing and
    `reason` says why. `kind` says what the outlines are. Units without a model are left out.
    """
    case_id = str(row.index[0])
    frame = outlined_rows(row, outlines)
    held = crops.load([case_id]).held.get(case_id, {})
    everywhere = Crops(held={str(name): held for name in frame.index})
    parts = [_ranged(unit, frame, everywhere) for unit in units.values() if unit.procedure is not None]
    if not parts:
        return pd.DataFrame(columns=list(OUTLINE_COLUMNS))
    told = "" if len(outlines) else reason or "the case has no mask to redraw"
    table = pd.concat(parts, ignore_index=True)
    known = kind if len(outlines) else ""
    table = table.assign(case_id=case_id, n_outlines=len(outlines), reason=told, kind=known)
    return table[list(OUTLINE_COLUMNS)]


def outlined_rows(row: pd.DataFrame, outlines: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """The case as given and once an outline, with the measurements of each: index case_id, "<case_id> outline 1" …

    A measurement that some outline has is replaced in all of them, missing where one lacks it.
    """
    case_id, n = str(row.index[0]), len(outlines)
    names = [case_id, *(f"{case_id} outline {number + 1}" for number in range(n))]
    frame = pd.concat([row] * (n + 1)).set_axis(pd.Index(names, name=row.index.name), axis=0)
    for name in sorted({name for outline in outlines for name in outline}):
        column = f"{_PREFIX}{name}"
        if column in frame.columns:
            frame[column] = [row[column].iloc[0], *(outline.get(name, np.nan) for outline in outlines)]
    return frame


def _ranged(unit: TrainedUnit, frame: pd.DataFrame, crops: Crops) -> pd.DataFrame:
    procedure = unit.procedure
    if procedure is None:
        raise ValueError(f"{unit.endpoint} has no model")
    risks = procedure.predict(frame, unit.horizons_days, crops).risk  # (1 + n, h)
    low, high = np.quantile(risks[1:], QUANTILES, axis=0) if len(risks) > 1 else np.full((2, risks.shape[1]), np.nan)
    facts = {"endpoint": unit.endpoint, "inputs": unit.inputs.value, "moved_most": moved_most(procedure, frame)}
    days = _days(unit)
    return pd.DataFrame({"horizon_days": days, "risk": risks[0], "low": low, "high": high}).assign(**facts)


def _days(unit: TrainedUnit) -> list[float]:
    if unit.kind is EndpointKind.TIME_TO_EVENT:
        return list(unit.horizons_days)
    return [unit.horizons_days[0] if unit.horizons_days else float("nan")]


def moved_most(procedure: FittedProcedure, frame: pd.DataFrame) -> str:
    """The measurements that moved most among those the chosen model reads, e.g. "tumor.morph_volume 0.31 SD".

    Their range over the outlines (the same quantiles) in standard deviations of the training cases.
    """
    fitted = procedure.chosen.preprocessor
    if len(frame) < 2:
        return ""
    X: FloatArray = fitted.transform(frame)[1:]
    low, high = np.quantile(X, QUANTILES, axis=0)
    measured: dict[str, float] = {}
    for output, move in zip(fitted.outputs, high - low, strict=True):
        if output.source.startswith(_PREFIX):
            name = output.source.removeprefix(_PREFIX)
            measured[name] = max(float(move), measured.get(name, 0.0))
    most = sorted(measured, key=lambda name: (-measured[name], name))[:_MOST]
    return ", ".join(f"{name} {measured[name]:.2f} SD" for name in most if measured[name] >= _LEAST_MOVE)
