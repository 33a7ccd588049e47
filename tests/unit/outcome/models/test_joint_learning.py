"""A network that learns further endpoints beside its own: which, from whom, and what is left of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.models.inputs import Inputs, model_inputs
from outcome.models.network.batches import dealt_batches
from outcome.models.network.fit_record import fit_records
from outcome.models.network.learning import fit_network
from outcome.models.network.model import NetworkScorer
from outcome.models.registry import fit_model
from outcome.models.state import same_state
from outcome.types import EndpointKind, Target
from tests.image_cases import TINY, image_cases

HEADS = {"ordinal_head": "cumulative", "duration_head": "quantiles", "continuous_head": "gaussian"}
PARAMS = replace(TINY, **HEADS).params()


@pytest.fixture(scope="module")
def cases() -> tuple[Inputs, Target]:
    data = image_cases()
    return model_inputs(fit_preprocessor(data.frame, data.columns, Rules()), data.frame, data.crops), data.target


def beside(kind: EndpointKind) -> Target:
    return replace(image_cases(kind, seed=0).target, endpoint=kind.value)


def learned(cases: tuple[Inputs, Target], *joint: Target) -> NetworkScorer:
    return fit_network(*cases, PARAMS, 3, joint=joint)


def test_alone_there_is_nothing_to_tell_and_no_further_key(cases: tuple[Inputs, Target]) -> None:
    scorer = learned(cases)
    assert scorer.record is None
    assert set(scorer.to_state().numbers) == {"type", "design", "notes"}


def test_every_kind_is_learned_beside_and_only_the_own_head_travels(cases: tuple[Inputs, Target]) -> None:
    alone, joint = learned(cases), learned(cases, *(beside(kind) for kind in EndpointKind))
    assert joint.record is not None
    assert set(joint.record.weights) == {"e", *(kind.value for kind in EndpointKind)}
    assert all(0.05 <= weight <= 20 for weight in joint.record.weights.values())
    assert len(set(joint.record.weights.values())) > 1
    one, two = alone.to_state(), joint.to_state()
    assert {name: array.shape for name, array in one.arrays.items()} == {k: a.shape for k, a in two.arrays.items()}
    encoder = [name for name in one.arrays if "encoder" in name]
    assert any(not np.array_equal(one.arrays[name], two.arrays[name]) for name in encoder)
    again = NetworkScorer.from_state(two)
    assert same_state(again.to_state(), two)
    assert again.record == joint.record


def test_every_network_of_an_ensemble_learns_beside_and_tells_it(cases: tuple[Inputs, Target]) -> None:
    joint = (beside(EndpointKind.DURATION),)
    scorer = fit_model("network", *cases, {**PARAMS, "ensemble": 2}, 3, joint=joint).scorer
    records = fit_records(scorer)
    assert [set(record.weights) for record in records] == [{"e", "duration"}] * 2
    assert records[0].weights != records[1].weights


def test_what_an_unknown_case_holds_is_never_read(cases: tuple[Inputs, Target]) -> None:
    time = beside(EndpointKind.TIME_TO_EVENT)
    time.time_days[::3] = np.nan
    event = np.where(np.arange(len(time)) % 3 == 0, 1.0, time.event)
    one, two = (learned(cases, target).to_state() for target in (time, replace(time, event=event)))
    assert same_state(one, two)


def test_an_endpoint_with_nothing_to_learn_changes_nothing_and_is_told(cases: tuple[Inputs, Target]) -> None:
    constant = Target.binary("never", np.zeros(len(cases[1])))
    alone, joint = learned(cases), learned(cases, constant)
    assert joint.record is not None
    assert joint.record.left_out == {"never": "one outcome in all cases learned from"}
    assert joint.record.weights == {}
    assert all(np.array_equal(alone.to_state().arrays[k], a) for k, a in joint.to_state().arrays.items())


def test_a_kind_without_a_head_is_refused(cases: tuple[Inputs, Target]) -> None:
    with pytest.raises(ValueError, match="ordinal"):
        fit_network(*cases, TINY.params(), 3, joint=(beside(EndpointKind.ORDINAL),))


def test_events_of_both_endpoints_are_dealt_out_evenly() -> None:
    """24 cases in four batches: 8 events of the own endpoint and 8 of the other, 4 of them of the same cases."""
    event, other = np.arange(24) < 8, ((np.arange(24) >= 4) & (np.arange(24) < 12)).astype(int)
    for rows in dealt_batches(event, 6, 5, np.random.default_rng(0), other):
        assert event[rows].sum() == 2
        assert other[rows].sum() == 2
        assert len(rows) == 6


def test_events_beside_make_no_batch_larger() -> None:
    other = np.zeros(40, dtype=int)
    other[0] = 1
    plan = list(dealt_batches(np.arange(40) % 2 == 0, 10, 1, np.random.default_rng(0), other))
    assert [len(rows) for rows in plan] == [10] * 4
    assert sum(other[rows].sum() > 0 for rows in plan) == 1


def test_a_memory_of_a_network_is_read_and_learned_with(cases: tuple[Inputs, Target]) -> None:
    time = beside(EndpointKind.TIME_TO_EVENT)
    told = ({}, {"memory": 20}, {"memory": 20.0})
    plain, small, again = (fit_network(cases[0], time, {**PARAMS, "batch": 6, **extra}, 3) for extra in told)
    assert not same_state(plain.to_state(), small.to_state())
    assert same_state(small.to_state(), again.to_state())
