"""How good is one number of the record, as it stands? It ranks cases, and nothing is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from outcome.evaluation.summary import difference, evaluate_target
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases


def one_number(cases: EndpointCases, models: Sequence[ModelCases]) -> dict[str, Any]:
    """The study's comparator beside the chosen models, on the cases that have it.

    A larger number counts as riskier, and as less promising where the endpoint is a favourable one.
    """
    comparator = cases.scene.run.study.comparator
    if comparator is None or not models:
        return {}
    value = cases.scene.variables.loc[cases.ids, comparator.variable].to_numpy(dtype=float)
    value = -value if cases.endpoint.favourable else value
    known = np.isfinite(value)
    ours = cases.target.take(known)
    gains = {m.inputs: difference(ours, m.chosen.score[known], value[known]).to_json() for m in models}
    label = comparator.label or cases.scene.dictionary[comparator.variable].label
    return {label: {**evaluate_target(ours, None, value[known]).to_json(), "difference": gains}}
