"""What does each rung of a model's ladder add to the one below it, and what does the choice add to each?"""

from __future__ import annotations

from typing import Any

import numpy as np

from outcome.evaluation.comparison.gains import gains
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.evaluation.summary import difference, measure
from outcome.pipeline.evidence.scene import CHOSEN, ModelCases, Predicted


def ladder(model: ModelCases) -> list[dict[str, Any]]:
    """Every rung with its metrics, simplest first.

    `below` names the rung below it and `over_below` holds what it gains over that one, metric by metric; `chosen_over`
    what the choice gains over it, `difference` the same in the primary metric alone. None is compared with itself, as
    the frozen model's own rung would be with the choice; a rung that is not of the ladder has none below it.
    `likelihood_ratio` is what training found on the development cases, whatever cases are evaluated.
    """
    nested = {row["rung"]: row.get("likelihood_ratio") for row in model.unit.ladder["rungs"]}
    order = [fit.rung.name for fit in model.unit.rungs if fit.rung.name in model.rungs]
    below = dict(zip(order[1:], order, strict=False))
    rungs = [rung for rung in model.rungs if rung != CHOSEN]
    return [{**_row(model, rung, below.get(rung)), "likelihood_ratio": nested.get(rung)} for rung in rungs]


def _row(model: ModelCases, rung: str, below: str | None) -> dict[str, Any]:
    predicted, chosen, target = model.rungs[rung], model.chosen, model.target
    own = _sample(model, predicted)
    itself = is_choice(model, rung)
    over_below = gains(own, _sample(model, model.rungs[below])) if below else {}
    chosen_over = {} if itself else gains(_sample(model, chosen), own)
    return {
        "rung": rung,
        "metrics": {name: estimate.to_json() for name, estimate in measure(_plain(own)).items()},
        "difference": None if itself else difference(target, chosen.score, predicted.score).to_json(),
        "below": below,
        "over_below": {name: estimate.to_json() for name, estimate in over_below.items()},
        "chosen_over": {name: estimate.to_json() for name, estimate in chosen_over.items()},
    }


def is_choice(model: ModelCases, rung: str) -> bool:
    """Whether a rung is the frozen model's own and ranks these cases as the choice does."""
    procedure = model.unit.procedure
    final = procedure.chosen.rung.name if procedure else ""
    return rung == final and np.array_equal(model.rungs[rung].score, model.chosen.score, equal_nan=True)


def _sample(model: ModelCases, predicted: Predicted) -> Sample:
    """A rung's cases; one threshold for all rungs, that of the choice."""
    settings = Settings(predicted.horizon, model.threshold, curve_errors=False)
    return checked_sample(model.target, predicted.first_risk, predicted.score, settings)


def _plain(sample: Sample) -> Sample:
    """Without the threshold: shares at it are told of the choice alone."""
    settings = Settings(sample.settings.horizon_days, curve_errors=False)
    return Sample(sample.target, sample.risk, sample.score, settings, sample.n_unknown)
