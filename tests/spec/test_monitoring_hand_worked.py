"""Monitoring on paper: cuts of twenty cases, an urn's odds, a fence, a hazard read from a curve, pairs of six cases."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation.monitoring import relations
from outcome.evaluation.monitoring.cuts import Cuts, cuts_of
from outcome.evaluation.monitoring.exchangeable import Bets, bet_increments, urn_chances
from outcome.evaluation.monitoring.fences import fence_of
from outcome.evaluation.monitoring.pairs import ranked_pairs
from outcome.evaluation.monitoring.relations import Relation, Term, likely_inputs, refitted, relation_of
from outcome.evaluation.monitoring.restarts import evidence_of
from outcome.evaluation.monitoring.told_hazard import told_hazard
from outcome.evaluation.monitoring.told_risks import Band, event_evidence
from outcome.evaluation.shift.conversion import fitting_unit
from outcome.types import Target


def test_twenty_cases_are_cut_at_the_fifth_and_the_tenth() -> None:
    """Shares 0.25, 0.5, 0.75 of 21 gaps are ranks 5, 10 and 16. The last would leave four cases: it is not cut."""
    cuts = cuts_of(np.arange(20.0), np.zeros(20))
    assert cuts is not None
    assert cuts.ranks == (5, 10)
    assert cuts.values.tolist() == [4.0, 9.0]
    assert cuts.gaps.tolist() == [5.0, 5.0, 11.0]
    # equal to a cut: the lot decides, below the cut's own lot (0) never
    assert cuts.parts(np.array([3.9, 4.0, 4.0, 9.5]), np.array([0.5, 0.0, 0.5, 0.0])).tolist() == [0, 0, 1, 2]


def test_the_urn_s_odds_of_three_cases() -> None:
    """Gaps 5, 5, 11; a bet that trebles the last part. Chances of it: 11/21, then 12/22 after one fell into it."""
    parts, gaps = np.array([2, 2, 0]), np.array([5.0, 5.0, 11.0])
    bets = Bets(gaps / 21, np.array([[1.0, 1.0, 3.0]]), ("third",), np.ones(1))
    found = bet_increments(parts, urn_chances(parts, gaps), bets)[:, 0]
    means = [1 + 2 * 11 / 21, 1 + 2 * 12 / 22, 1 + 2 * 13 / 23]
    assert np.exp(found) == pytest.approx([3 / means[0], 3 / means[1], 1 / means[2]])


def test_one_bet_started_at_any_of_two_cases() -> None:
    """Factors 4 and 4. Weights of a start: 1 - 1/(1 + log 2), then the next; the rest waits at 1."""
    left = [1.0, 1 / (1 + math.log(2)), 1 / (1 + math.log(3))]
    first, second = left[0] - left[1], left[1] - left[2]
    found = evidence_of(np.log([[4.0], [4.0]]), np.zeros(1))
    assert np.exp(found.log_e) == pytest.approx([4 * first + left[1], 16 * first + 4 * second + left[2]])
    assert found.since(1) == 0


def test_an_event_at_a_risk_of_a_fifth_pays_what_the_bet_promised() -> None:
    """Band 0: odds 1/4 told; a bet half a log odds higher pays its risk over 0.2."""
    bet = 1 / (1 + 4 * math.exp(-0.5))
    found = event_evidence(np.array([1.0]), np.array([0.2]), Band(0.0, 0.0)).increments[0]
    assert math.exp(found[1]) == pytest.approx(bet / 0.2)


def test_a_fence_of_a_symmetric_and_of_a_skewed_column() -> None:
    """Many cases and a rate of 2 × 0.001: 3.09 normal standard deviations from the median on either side."""
    plain = fence_of({"0.05": -1.645, "0.5": 0.0, "0.95": 1.645}, 100_000, 0.002)
    assert plain is not None
    assert (plain.low, plain.high) == pytest.approx((-3.09, 3.09), abs=0.01)
    skewed = fence_of({"0.05": math.exp(-1.645), "0.5": 1.0, "0.95": math.exp(1.645)}, 100_000, 0.002)
    assert skewed is not None
    assert skewed.high == pytest.approx(math.exp(3.09), rel=0.01)
    assert skewed.low < 0  # as it is, one standard deviation is 0.49 downwards, and the wider fence counts
    assert fence_of({"0.05": 2.0, "0.5": 2.0, "0.95": 2.0}, 100, 0.01) is None


def test_the_hazard_told_by_half_of_the_last_step() -> None:
    """Incidence 0, 0.1, 0.2 at days 0, 10, 20: steps of -log of what stays, nearly; half of the second by day 15."""
    days = pd.DataFrame({"case_id": "a", "what": "incidence", "at": [10.0, 20.0], "value": [0.1, 0.2]})
    first, second = 0.1 / math.sqrt(1.0 * 0.9), 0.1 / math.sqrt(0.9 * 0.8)
    assert told_hazard(days, ["a"], np.array([15.0])) == pytest.approx([first + second / 2])
    assert told_hazard(days, ["a"], np.array([99.0])) == pytest.approx([-math.log(0.8)], rel=2e-3)
    assert np.isnan(told_hazard(days, ["b"], np.array([15.0]))).all()


def test_pairs_of_six_cases_with_two_events() -> None:
    """Events at places 1 and 4, others at 0, 2, 3, 5: pairs (1, 0) and (4, 2); the second is lost."""
    target = Target.binary("e", [0, 1, 0, 0, 1, 0])
    pairs = ranked_pairs(target, np.array([0.1, 0.9, 0.8, 0.2, 0.3, 0.4]), np.zeros(6))
    assert pairs.won.tolist() == [1.0, 0.0]
    assert pairs.complete_at.tolist() == [1, 4]


def test_pairs_of_times_need_the_earlier_one_to_be_an_event() -> None:
    """(5, event | 9, censored): comparable; (4, censored | 8, event): not; (6, event | 2, competing): comparable."""
    target = Target.survival("e", [5, 9, 4, 8, 6, 2], [1, 0, 0, 1, 1, 2])
    pairs = ranked_pairs(target, np.array([2.0, 1.0, 9.0, 9.0, 0.0, 3.0]), np.zeros(6))
    assert pairs.won.tolist() == [1.0, 0.0]
    assert pairs.complete_at.tolist() == [1, 5]


def test_a_value_that_would_be_common_in_another_unit_is_told_so() -> None:
    usual = {"0.05": 0.6, "0.5": 0.9, "0.95": 1.5}
    assert fitting_unit("clinical:creatinine_mg_dl", 90.0, usual) == "creatinine in µmol/L instead of mg/dL"
    assert fitting_unit("clinical:creatinine_mg_dl", 20.0, usual) == ""
    assert fitting_unit("clinical:lactate", 90.0, usual) == ""


def test_a_relation_finds_the_column_that_explains_and_leaves_the_rest() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.standard_normal(200), "b": rng.standard_normal(200)})
    frame["y"] = 3 + 2 * frame["a"] + 0.1 * rng.standard_normal(200)
    found = relation_of(Term("y"), [Term("a"), Term("b"), Term("y")], frame)
    assert found is not None
    assert [term.column for term in found.relation.inputs] == ["a"]
    assert found.relation.coefficients == pytest.approx((3, 2), abs=0.05)
    assert np.isnan(Relation.from_json(found.relation.to_json()).residuals(pd.DataFrame({"y": [1.0]}))).all()
    assert relation_of(Term("b"), [Term("a")], frame) is None


def test_cuts_travel_as_json() -> None:
    cuts = cuts_of(np.arange(50.0), np.full(50, 0.25))
    assert cuts is not None
    again = Cuts.from_json(cuts.to_json())
    assert (again.n, again.ranks, again.values.tolist()) == (cuts.n, cuts.ranks, cuts.values.tolist())


def test_of_many_columns_the_correlated_ones_are_tried() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 250)), columns=[f"x{i}" for i in range(250)])
    frame["x7"] = 2 * frame["x9"] + 0.1 * rng.normal(size=300)
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    terms = [Term(name) for name in frame]
    strength = frame.corr(min_periods=50).abs().to_numpy()
    np.testing.assert_allclose(np.abs(relations._correlations(frame.to_numpy())), strength, atol=1e-10)
    likely = likely_inputs(terms, frame)
    assert Term("x9") in likely[7]
    assert Term("x7") not in likely[7]
    assert {len(each) for each in likely} == {relations.LIKELY_INPUTS}
    found = relation_of(terms[7], likely[7], frame.iloc[:150])
    assert found is not None
    assert [term.column for term in found.relation.inputs] == ["x9"]
    again = refitted(found.relation, frame)
    assert again is not None
    assert again.relation.coefficients[1] == pytest.approx(2, abs=0.02)
    assert len(again.residuals) == 300


def test_of_few_columns_all_others_are_tried() -> None:
    terms = [Term("a"), Term("a", log=True), Term("b"), Term("c")]
    assert likely_inputs(terms, pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]})) == [
        terms[2:], terms[2:], [*terms[:2], terms[3]], terms[:3],
    ]  # fmt: skip
