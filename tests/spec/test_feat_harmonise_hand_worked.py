"""Harmonisation of six patients from two sites, and shrinkage, worked out on paper."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from outcome.errors import DataRefusal
from outcome.features.harmonise import Harmoniser, fit_harmoniser
from outcome.features.shrinkage import Prior, SiteSample, common_prior, describe, own_prior, shrink

SITES = ["a", "a", "a", "b", "b", "b"]
FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0, 11.0, 13.0, 15.0]})
FITTED = fit_harmoniser(FRAME, SITES, ["x"])


def test_two_sites_of_three() -> None:
    # Site means 2 and 13, grand mean 7.5; residuals -1 0 1 -2 0 2: variance 10/6. One column has nothing to shrink
    # towards: each site keeps its own mean and sd (1 and 2), all are set to 7.5 and sqrt(10/6).
    fitted = fit_harmoniser(FRAME, SITES, ["x"])
    away = np.sqrt(10 / 6)
    expected = [7.5 - away, 7.5, 7.5 + away] * 2
    assert fitted.transform(FRAME, SITES)["x"].to_numpy() == pytest.approx(expected, rel=1e-5)
    assert fitted.sites["a"].shift[0] * away == pytest.approx(-5.5)
    assert fitted.sites["b"].scale[0] * away == pytest.approx(2.0, rel=1e-5)


def test_a_larger_site_weighs_more() -> None:
    # Means 2 (four cases) and 13 (three): all go to (4 * 2 + 3 * 13) / 7.
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 2.0, 11.0, 13.0, 15.0]})
    made = fit_harmoniser(frame, ["a", *SITES], ["x"]).transform(frame, ["a", *SITES])["x"]
    assert [made[:4].mean(), made[4:].mean()] == pytest.approx([47 / 7, 47 / 7])


def test_the_part_of_a_covariate_stays() -> None:
    # x = 10 at site b, plus 2 per year of z; z is higher at b. Only the 10 may go (half of it from either side).
    z = np.array([0.0, 1.0, 2.0, 4.0, 5.0, 6.0])
    # Residuals 1 -2 1 at both: variance 3 at a site against 2 over all (divided by n), so they shrink by sqrt(2/3).
    step, rest = np.array([0, 0, 0, 10, 10, 10]), np.array([1, -2, 1, 1, -2, 1])
    x = 2 * z + step + rest
    frame = pd.DataFrame({"x": x, "z": z})
    kept = fit_harmoniser(frame, SITES, ["x"], ["z"]).transform(frame, SITES)
    assert kept["x"].to_numpy() == pytest.approx(2 * z + 5 + rest * np.sqrt(2 / 3), rel=1e-5)
    assert kept["z"].tolist() == z.tolist()
    lost = fit_harmoniser(frame, SITES, ["x"]).transform(frame, SITES)["x"]
    assert lost[:3].mean() == pytest.approx(lost[3:].mean())


def test_a_covariate_that_never_varies_changes_nothing() -> None:
    with_it = fit_harmoniser(FRAME.assign(z=56.1), SITES, ["x"], ["z"])
    assert with_it.model.effects.tolist() == [[0.0]]
    made = with_it.transform(FRAME.assign(z=[56.1, 70.0, np.nan, 1.0, 2.0, 3.0]), SITES)["x"]
    assert made.tolist() == pytest.approx(FITTED.transform(FRAME, SITES)["x"].tolist())


def test_a_shift_is_drawn_half_way() -> None:
    # Four cases with mean 1, prior N(0, 1/4), scale known to be 1: 1/4 * 4 * 1 / (1/4 * 4 + 1) = 1/2.
    site = SiteSample(np.array([4.0]), np.array([1.0]), np.array([3.0]))
    shift, scale = shrink(site, Prior(0.0, 0.25, shape=1e9, rate=1e9))
    assert shift == pytest.approx([0.5])
    assert scale == pytest.approx([1.0])


def test_a_scale_is_drawn_to_the_prior() -> None:
    # Shift held at 0 (no spread): squares about 0 are 6 + 2 * 1^2 = 8 for two cases with mean 1.
    # Shape 3, rate 4: (8 / 2 + 4) / (2 / 2 + 3 - 1) = 8/3.
    site = SiteSample(np.array([2.0]), np.array([1.0]), np.array([6.0]))
    assert shrink(site, Prior(0.0, 0.0, 3.0, 4.0))[1] ** 2 == pytest.approx([8 / 3])


def test_priors_of_four_features() -> None:
    # Means 0 1 2 3: 1.5 and variance 5/3. Variances 1 1 3 3: mean 2, variance 4/3: shape 2 + 4/(4/3) = 5, rate 8.
    site = SiteSample(np.full(4, 3.0), np.arange(4.0), np.array([2.0, 2.0, 6.0, 6.0]))
    prior = own_prior(site)
    assert (prior.shift, prior.shift_variance, prior.shape, prior.rate) == pytest.approx((1.5, 5 / 3, 5.0, 8.0))
    # A further site: mean square of the shifts (0 + 1 + 4 + 9) / 4, about no shift.
    assert (common_prior([site]).shift, common_prior([site]).shift_variance) == pytest.approx((0.0, 3.5))


def test_nothing_known_is_what_is_expected() -> None:
    shift, scale = shrink(describe(np.full((3, 2), np.nan)), Prior(0.0, 2.0, 5.0, 8.0))
    assert shift.tolist() == [0.0, 0.0]
    assert scale**2 == pytest.approx([2.0, 2.0])


def test_a_gap_counts_for_nothing_and_stays() -> None:
    gaps = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan, 11.0, 13.0, 15.0, np.nan]})
    sites = [*SITES[:3], "a", *SITES[3:], "b"]
    made = fit_harmoniser(gaps, sites, ["x"]).transform(gaps, sites)["x"]
    whole = fit_harmoniser(FRAME, SITES, ["x"]).transform(FRAME, SITES)["x"]
    assert made.isna().tolist() == gaps["x"].isna().tolist()
    assert made.dropna().tolist() == pytest.approx(whole.tolist())


def test_columns_without_spread_stay_with_the_reason() -> None:
    frame = FRAME.assign(flat=[5.0, 5.0, 5.0, 1.0, 2.0, 3.0], rare=[1.0, 2.0, 3.0, 7.0, np.nan, np.nan])
    fitted = fit_harmoniser(frame, SITES, ["flat", "x", "rare"])
    assert fitted.untouched == (("flat", "constant at site a"), ("rare", "known in 1 cases of site b"))
    made = fitted.transform(frame, SITES)
    pd.testing.assert_frame_equal(made[["flat", "rare"]], frame[["flat", "rare"]])
    assert made["x"].tolist() != frame["x"].tolist()


def test_a_site_of_one_case_enters_with_the_priors_of_the_others() -> None:
    frame = pd.concat([FRAME, pd.DataFrame({"x": [40.0]})], ignore_index=True)
    fitted = fit_harmoniser(frame, [*SITES, "c"], ["x"])
    alone = fit_harmoniser(FRAME, SITES, ["x"])
    assert (fitted.sites["c"].entered, fitted.sites["c"].n_cases) == (True, 1)
    assert fitted.sites["a"].to_json() == alone.sites["a"].to_json()
    assert alone.with_site("c", frame[6:]).to_json() == fitted.to_json()


def test_state_survives_json_to_the_last_bit() -> None:
    frame = FRAME.assign(y=[3.0, 1.0, 2.0, 9.0, 9.5, 7.0], age=[50.0, np.nan, 64.0, 70.0, 58.0, 61.0])
    fitted = fit_harmoniser(frame, SITES, ["x", "y"], ["age"])
    again = Harmoniser.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    pd.testing.assert_frame_equal(again.transform(frame, SITES), fitted.transform(frame, SITES), check_exact=True)


def test_damaged_state_is_refused() -> None:
    state = fit_harmoniser(FRAME, SITES, ["x"]).to_json()
    state["sites"]["a"]["scale"] = [0.0]
    with pytest.raises(ValueError, match="scale above 0"):
        Harmoniser.from_json(state)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: fit_harmoniser(FRAME, ["a"] * 6, ["x"]), "nothing to harmonise"),
        (lambda: fit_harmoniser(FRAME, [*"aaaab", "b"], ["x"]), "nothing to harmonise"),
        (lambda: fit_harmoniser(FRAME, [*SITES[:5], ""], ["x"]), "told apart"),
        (lambda: fit_harmoniser(FRAME, SITES[:5], ["x"]), "told apart"),
        (lambda: fit_harmoniser(FRAME, SITES, ["y"]), "1 absent"),
        (lambda: fit_harmoniser(FRAME.astype(str), SITES, ["x"]), "1 not numeric"),
        (lambda: fit_harmoniser(FRAME, SITES, ["x"], ["x"]), "named twice"),
        (lambda: fit_harmoniser(FRAME * 0, SITES, ["x"]), "no column"),
        (lambda: fit_harmoniser(FRAME.assign(z=[0, 0, 0, 1, 1, 1]), SITES, ["x"], ["z"]), "told from the site"),
        (lambda: FITTED.transform(FRAME, "c"), "not known"),
        (lambda: FITTED.with_site("a", FRAME), "cannot enter"),
        (lambda: FITTED.with_site("c", FRAME[:0]), "cannot enter"),
    ],
)
def test_refusals(act: Callable[[], object], text: str) -> None:
    with pytest.raises(DataRefusal, match=text):
        act()
