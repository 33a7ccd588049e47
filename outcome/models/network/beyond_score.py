"""What a network says of a grade or an amount beyond its score: the chance of each grade, and quantiles.

Heads of yes/no have nothing more to say. Those of a time to an event say it by way of the calibrated baseline hazard
(`outcome.models.hazard`): their own incidences would disagree with the calibrated risk.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor

from outcome.models.fitted import Said
from outcome.models.network.amount_heads import QUANTILES, CumulativeHead, GaussianHead, QuantileHead
from outcome.models.network.outcomes import Head
from outcome.types import Detail


def said_by(head: Head, raw: list[Tensor]) -> Said | None:
    """What a head says, given its outputs (1, outputs) for each case; None where there is nothing.

    A gaussian head's quantiles are those of the normal distribution with its spread.
    """
    if isinstance(head, CumulativeHead):
        return _stacked(Detail.GRADE_AT_LEAST, head.edges, [head.at_least(one) for one in raw])
    if isinstance(head, QuantileHead):
        away = [head.quantiles(one.double()) - head.score(one)[:, None] for one in raw]
        return _stacked(Detail.QUANTILE, QUANTILES, away)
    if isinstance(head, GaussianHead):
        normal = torch.from_numpy(norm.ppf(QUANTILES))
        return _stacked(Detail.QUANTILE, QUANTILES, [head.spread(one.double())[:, None] * normal for one in raw])
    return None


def _stacked(what: Detail, at: tuple[float, ...], rows: list[Tensor]) -> Said:
    value = np.array([row[0].numpy() for row in rows], dtype=float).reshape(len(rows), len(at))
    return Said(what, at, value)
