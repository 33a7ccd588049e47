"""Does a richer regression explain the outcomes better than one nested in it, beyond what chance would give?

Twice the gain in log likelihood of maximum likelihood fits on the same cases follows a chi-squared distribution, with
the number of added columns as degrees of freedom, where these columns say nothing and the cases are independent.
Wilks 1938, doi:10.1214/aoms/1177732360.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import chi2

# of the larger log likelihood: fits stop near, not at, their maximum
ROUNDING = 1e-6


@dataclass(frozen=True)
class LikelihoodRatio:
    """The statistic, its degrees of freedom, and how likely so large a one is where the added columns say nothing."""

    statistic: float  # at least 0
    df: int
    p_value: float  # in [0, 1]


def likelihood_ratio(smaller: float, larger: float, df: int) -> LikelihoodRatio:
    """Of the maximal log likelihoods of two nested models that differ by `df` columns.

    Raises ValueError where df is below 1 or the larger model fits worse, since then the models are not nested or were
    not fitted to the end.
    """
    if df < 1:
        raise ValueError(f"nested models differ by at least one column, found {df}")
    if larger < smaller - ROUNDING * max(1.0, abs(smaller)):
        raise ValueError(f"the larger model fits worse ({larger} < {smaller}): not nested, or not fitted to the end")
    statistic = max(0.0, 2 * (larger - smaller))
    return LikelihoodRatio(statistic, df, float(chi2.sf(statistic, df)))
