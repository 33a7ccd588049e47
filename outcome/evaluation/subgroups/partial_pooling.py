"""What may be believed of a small group? Its own estimate, drawn towards the common one by as much as it is unsure.

Empirical Bayes: the groups' true values are taken to scatter normally around a common one, with the variance between
groups of `meta_analysis`; a group keeps of its distance from the common value the share tau² / (tau² + its variance).
Less wrong on average over the groups than their own estimates, at the price of drawing a truly different small group
towards the others: it is never the place to look for harm. Efron & Morris 1975, doi:10.1080/01621459.1975.10479864.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.intervals import LEVEL, measured, z_value
from outcome.evaluation.sites.meta_analysis import BACK, BETWEEN, Between, Scale, on_scale
from outcome.types import Estimate, FloatArray

# With two groups the spread between them cannot be told from chance.
MIN_GROUPS = 3


@dataclass(frozen=True)
class Shrunken:
    """A group's estimate after pooling. `kept` in [0, 1] is the share of its own distance from `common` that it keeps;
    both are None where the estimate is withheld.
    """

    estimate: Estimate
    common: float | None = None
    kept: float | None = None


def shrink(
    estimates: Mapping[str, Estimate], scale: Scale, *, between: Between = "reml", level: float = LEVEL
) -> dict[str, Shrunken]:
    """Every group's estimate drawn towards the common one, on the `scale` named and given back on the metric's own.

    `estimates` maps a group's label to its estimate; groups must not share cases. The interval (normal) holds the
    group's own chance and that in the common value, not that in tau², so it is too short with few groups: its method
    says so. Groups without an interval stay withheld; all are with fewer than 3 usable groups.
    """
    parts = {name: on_scale(estimate, scale) for name, estimate in estimates.items()}
    usable = {name: part for name, part in parts.items() if not isinstance(part, str)}
    if len(usable) < MIN_GROUPS:
        reason = f"{len(usable)} usable groups; at least {MIN_GROUPS} are needed to pool"
        return {name: _withheld(estimate, reason) for name, estimate in estimates.items()}
    values, errors = np.array(list(usable.values())).T
    pulled, errors_after, centre, kept = _pulled(values, errors, between)
    method = f"shrunken towards the common value of {len(usable)} groups, empirical Bayes, {between}, {scale} scale"
    back = BACK[scale]
    found: dict[str, Shrunken] = {name: _withheld(estimates[name], why) for name, why in _reasons(parts).items()}
    for name, value, se, share in zip(usable, pulled, errors_after, kept, strict=True):
        ends = (float(back(value + sign * z_value(level) * se)) for sign in (-1, 1))
        n, n_events = estimates[name].n, estimates[name].n_events
        own = f"{method}, keeps {share:.0%} of its own distance; chance in the spread between groups not counted"
        estimate = measured(
            float(back(value)), (next(ends), next(ends)), method=own, n=n, n_events=n_events, level=level
        )
        found[name] = Shrunken(estimate, float(back(centre)), float(share))
    return {name: found[name] for name in estimates}


def _pulled(
    values: FloatArray, errors: FloatArray, between: Between
) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Pooled values and their standard errors (k,), the common value, and the share that each group keeps (k,)."""
    variance = errors**2
    tau2 = BETWEEN[between](values, variance)
    weight = 1 / (variance + tau2)
    centre = float(np.sum(weight * values) / weight.sum())
    kept = tau2 * weight
    # The group's own part, and the common value's, in which it has a share itself.
    spread = kept * variance + (1 - kept) ** 2 / weight.sum()
    return centre + kept * (values - centre), np.sqrt(spread), centre, kept


def _withheld(estimate: Estimate, reason: str) -> Shrunken:
    return Shrunken(Estimate.withhold(reason, n=estimate.n, n_events=estimate.n_events))


def _reasons(parts: Mapping[str, tuple[float, float] | str]) -> dict[str, str]:
    return {name: part for name, part in parts.items() if isinstance(part, str)}
