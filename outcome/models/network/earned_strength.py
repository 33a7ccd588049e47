"""How much of the joined path stays: what cases that it never learned from say.

A path of many weights finds something in any few hundred outcomes. A quarter of the training cases is left aside
while it learns; on these judges its additions to the linear path are weighed by a factor from 0 to 1, the one of
least loss, and by 0 unless that gains at least `TOLL` of log likelihood: about one standard error. The linear path
learns from every case, and its scores of the judges are those made without them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from outcome.models.network.left_aside import left_aside
from outcome.models.network.outcomes import Head, Outcomes
from outcome.types import BoolArray

JUDGES = 0.25  # share of the cases left aside
TOLL = 0.5
STRENGTHS = tuple(step / 20 for step in range(21))


def judges(cases: Sequence[str], event: BoolArray, rng: np.random.Generator) -> BoolArray:
    """(n,) which rows judge: a quarter of the cases with the event and of those without; rows of a case together."""
    return left_aside(cases, event, JUDGES, rng)


def earned_strength(head: Head, linear: Tensor, additions: Tensor, outcomes: Outcomes) -> float:
    """The factor in [0, 1] by which `additions` (n, outputs) to `linear` (n, outputs) lose least on these cases."""
    losses = [head.total_loss(linear + strength * additions, outcomes) for strength in STRENGTHS]
    totals = np.array([float(loss) for loss in losses])
    best = int(np.argmin(totals))
    return STRENGTHS[best] if totals[0] - totals[best] >= TOLL else 0.0
