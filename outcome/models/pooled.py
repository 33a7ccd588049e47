"""One regression from several imputations: fitted to each completed matrix, its coefficients averaged.

Rubin 1987, doi:10.1002/9780470316696 (point estimates). The score of a case at its mean over imputations is then the
mean of its scores, since a regression's score is linear. Mean of coefficients rather than of risks: Mertens et al.
2020, doi:10.1002/bimj.201800289, compare both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from outcome.models.fitted import FittedModel
from outcome.models.inputs import Inputs
from outcome.models.linear import LinearScorer, Params
from outcome.models.registry import fit_baseline_of, fit_model
from outcome.types import FloatArray, Target

POOLED = ("logistic", "linear", "cox", "fine_gray")


def fit_pooled(
    algorithm: str, X: Inputs, drawn: Sequence[FloatArray], target: Target, params: Params, seed: int
) -> FittedModel:
    """A regression of n cases, all outcomes known: `drawn` are their matrices (n, p), `X` holds the mean of each case.

    The baseline of a time to an event is that of the scores of `X`. Raises ValueError for an algorithm that gives no
    weighted sum of the columns.
    """
    models = [fit_model(algorithm, matrix, target, params, seed) for matrix in drawn]
    scorers = [model.scorer for model in models if isinstance(model.scorer, LinearScorer)]
    if len(scorers) != len(drawn):
        raise ValueError(f"coefficients of {algorithm!r} cannot be averaged: it gives no weighted sum of the columns")
    coefficients = np.mean([scorer.coefficients for scorer in scorers], axis=0)
    scorer = LinearScorer(coefficients, float(np.mean([scorer.intercept for scorer in scorers])))
    baseline = fit_baseline_of(algorithm, target, scorer, X)
    return replace(models[0], scorer=scorer, baseline=baseline)
