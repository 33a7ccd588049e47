"""On which scale each kind of endpoint is modelled.

binary: log odds. time_to_event: log relative hazard (of Fine-Gray: subdistribution hazard). duration: log1p of the
days. continuous, ordinal: as they are.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from outcome.types import EndpointKind, FloatArray, Target


def modelled(target: Target) -> FloatArray:
    """The outcome on the scale of a regression, shape (n,): durations as log1p, others as they are."""
    return np.log1p(np.maximum(target.value, 0.0)) if target.kind is EndpointKind.DURATION else target.value


def from_score(kind: EndpointKind, score: FloatArray) -> FloatArray:
    """The predicted value behind a score: a probability (binary), days (duration, never negative) or the value.

    A duration comes back as the exponential of a mean logarithm: closer to a median than to a mean.
    """
    if kind is EndpointKind.BINARY:
        return expit(score)
    if kind is EndpointKind.DURATION:
        return np.maximum(np.expm1(np.minimum(score, 50.0)), 0.0)
    return score
