"""Which rungs these cases may have, and why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcome.features.columns import FeatureColumn
from outcome.training.adequacy import offered
from outcome.training.data import TrainingData
from outcome.training.eligibility import why_not
from outcome.training.rungs import Rung, default_ladder
from outcome.training.settings import TrainingSettings
from outcome.types import InputSet


@dataclass(frozen=True)
class Offer:
    """The rungs, simplest first; what was not offered with the reason; and why no model can be trained, or ""."""

    rungs: tuple[Rung, ...]
    refused: str
    reason: str


def offer(
    data: TrainingData, inputs: InputSet, settings: TrainingSettings, days: tuple[float, ...], one_number: str | None
) -> Offer:
    """The ladder of cases whose columns this input set may read; `days` are the horizons."""
    competing = bool(np.any(data.known().target.event == 2))
    kind, endpoint = data.target.kind, data.target.endpoint
    rungs = default_ladder(data.columns, kind, inputs, settings, one_number, endpoint=endpoint, competing=competing)
    rungs, refused = offered(rungs, data.target, settings.network)
    reason = why_not(data, settings, days) or ("" if rungs else refused or _no_rung(data.columns, settings))
    return Offer(rungs, refused, reason)


def _no_rung(allowed: Sequence[FeatureColumn], settings: TrainingSettings) -> str:
    if not allowed:
        return "no column that a model may read"
    return f"none of the families asked for ({', '.join(settings.families)}) fits this endpoint and its columns"
