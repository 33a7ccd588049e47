"""Does it help to say nothing of cases of which too little is known? The same numbers among those above and below."""

from __future__ import annotations

from typing import Any

import numpy as np

from outcome.pipeline.evidence.missing_sensitivity import rows_by
from outcome.pipeline.evidence.scene import ModelCases
from outcome.pipeline.reference.population import suppressed_parts

ABOVE, BELOW = "at least {level:g} % known", "less than {level:g} % known"
WORDS = (
    "Cases below the level are told no number. They stay in every other number here, for a model looks better "
    "where its hard cases are left out. They may be other patients too, so a difference is not what the gaps do"
)
UNTOLD = "this bundle does not say how much of a case it knows: train again"


def information(model: ModelCases) -> dict[str, Any]:
    """How many cases lie below `training.min_information`, and how good the model is above and below it.

    {} where the bundle keeps nothing back.
    """
    level = model.scene.model.min_information
    if level is None:
        return {}
    share = model.known_share
    if np.isnan(share).any():
        return {"withheld": UNTOLD}
    below = share < level
    labels = np.where(below, BELOW.format(level=100 * level), ABOVE.format(level=100 * level)).astype(object)
    n_below = suppressed_parts([int(below.sum()), int((~below).sum())])[0]
    rows = rows_by(model, {"known": labels})
    return {"level": level, "n": len(below), "n_below": n_below, "rows": rows, "words": WORDS}
