"""How good is one number of the record, as it stands? It ranks cases, and nothing is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.kinds import KINDS
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import evaluate_target
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases
from outcome.types import BoolArray, Estimate, FloatArray, Target

RECORD = "record"


def one_number(cases: EndpointCases, models: Sequence[ModelCases]) -> dict[str, Any]:
    """The study's comparator beside the chosen models, on the cases that have it.

    A larger number counts as riskier, and as less promising where the endpoint is a favourable one.
    """
    found = {}
    for label, value in (recorded_number(cases) if models else {}).items():
        known = np.isfinite(value)
        numbers = evaluate_target(cases.target.take(known), None, value[known]).to_json()
        found[label] = {**numbers, **differences(models, value[known], known), "source": RECORD}
    return found


def recorded_number(cases: EndpointCases) -> dict[str, FloatArray]:
    """The comparator (n,) by its label, NaN where a case lacks it, turned so that higher is riskier; {} without one."""
    comparator = cases.scene.run.study.comparator
    if comparator is None:
        return {}
    value = cases.scene.variables.loc[cases.ids, comparator.variable].to_numpy(dtype=float)
    label = comparator.label or cases.scene.dictionary[comparator.variable].label
    return {label: -value if cases.endpoint.favourable else value}


def differences(models: Sequence[ModelCases], rival: FloatArray, rows: BoolArray) -> dict[str, Any]:
    """Every model minus a rival score, in the endpoint's primary metric, with the test's p-value, by inputs.

    `rival` holds a score for the cases of `rows` (n,), higher is riskier or larger.
    """
    tested = {m.inputs: tested_difference(m.target.take(rows), m.chosen.score[rows], rival) for m in models}
    return {
        "difference": {inputs: test.estimate.to_json() for inputs, test in tested.items()},
        "p_value": {inputs: test.p_value for inputs, test in tested.items()},
    }


def tested_difference(target: Target, score_a: FloatArray, score_b: FloatArray) -> PairedDifference:
    """`evaluation.summary.difference` with its test; no p-value where it is withheld."""
    settings = Settings()
    first, second = (checked_sample(target, None, score, settings) for score in (score_a, score_b))
    reason = first.too_few()
    if reason:
        nothing = Estimate.withhold(reason, n=first.n, n_events=first.target.n_events)
        return PairedDifference(nothing, None, None)
    return KINDS[target.kind].difference(first.target, first.score, second.score, settings.level)
