"""Is acting at the bundle's threshold worth more than acting on everybody?"""

from __future__ import annotations

from typing import Any

import numpy as np

from outcome.evaluation.event_rate import outcomes_of
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.utility.net_benefit import net_benefit_difference
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import Estimate


def acting(model: ModelCases) -> dict[str, Any]:
    """The paired difference in net benefit; empty without a threshold or a risk to which it applies."""
    if model.threshold is None or not 0 < model.threshold < 1:
        return {}
    chosen = model.chosen
    sample = checked_sample(model.target, chosen.first_risk, chosen.score, Settings(chosen.horizon))
    outcome = outcomes_of(sample.target, chosen.horizon)
    if outcome is None or sample.risk is None:
        return {}
    few = sample.too_few()
    if few:
        withheld = Estimate.withhold(few, n=sample.n, n_events=sample.target.n_events)
        return {"threshold": model.threshold, "over_everybody": withheld.to_json(), "p_value": None}
    found = net_benefit_difference(outcome, sample.risk, np.ones(sample.n), model.threshold)
    return {"threshold": model.threshold, "over_everybody": found.estimate.to_json(), "p_value": found.p_value}
