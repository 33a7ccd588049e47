"""Networks of several seeds read as one: what is averaged and kept, and that every reader of a network can use it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from outcome.explain.gradcam import heat_map
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.model import FusionNetwork, NetworkScorer
from outcome.models.network.seed_ensemble import SeedEnsembleScorer
from outcome.models.registry import fit_model, model_from_state
from outcome.models.stacking import Base, StackedScorer, Weights
from outcome.models.state import State, same_state
from outcome.training.ensemble import Ensemble, refit_ensemble
from outcome.training.files import npz_bytes, read_npz
from outcome.training.procedure import FittedProcedure, fit_procedure
from outcome.training.settings import NetworkSettings
from outcome.types import Detail, EndpointKind, Target
from tests.image_cases import NETWORK_RUNG, SETTINGS, TINY, image_cases

N, SIZE = 24, (8, 8, 8)


def cases() -> Inputs:
    rng = np.random.default_rng(3)
    held = {}
    for i in range(N):
        image = rng.normal(size=SIZE) + (i % 3 == 0)
        mask = np.zeros(SIZE)
        mask[2:6, 2:6, 2:6] = 1
        held[str(i)] = {"ct": np.stack([image, mask]).astype(np.float16).astype(np.float32)}
    present = {"clinical": np.ones(N, dtype=bool), "image:ct": np.arange(N) % 5 != 2}
    return Inputs(rng.normal(size=(N, 2)), ("clinical",) * 2, present, tuple(map(str, range(N))), Crops(held=held))


def target(kind: EndpointKind) -> Target:
    if kind is EndpointKind.BINARY:
        return Target.binary("e", (np.arange(N) % 3 == 0).astype(float))
    if kind is EndpointKind.TIME_TO_EVENT:
        return Target.survival("e", np.arange(1.0, N + 1), np.asarray(np.arange(N) % 3, dtype=float))
    empty = np.full(N, np.nan)
    return Target("e", kind, (np.arange(N) % 4).astype(float), empty, empty)


def params(**more: Any) -> dict[str, Any]:
    return {"epochs": 1, "batch": 8, **more}


def fitted(kind: EndpointKind, **more: Any) -> Any:
    return fit_model("network", cases(), target(kind), params(**more), 7).scorer


def loud(scorer: NetworkScorer, seed: int) -> NetworkScorer:
    """The same network, its joined path turned up by weights of its own: short training leaves it silent."""
    changed = NetworkScorer.from_state(scorer.to_state())
    torch.manual_seed(seed)
    for layer in changed.module.last_layers():
        torch.nn.init.normal_(layer.weight, std=0.3)
    return changed


def of_value(scorer: NetworkScorer, value: float) -> NetworkScorer:
    """A network that says this number of every case."""
    module = FusionNetwork(scorer.design).eval()
    module.set_level(torch.zeros(1))
    module.intercept.fill_(value)
    return NetworkScorer(scorer.design, module)


@pytest.fixture(scope="module")
def single() -> NetworkScorer:
    scorer = fitted(EndpointKind.BINARY)
    assert isinstance(scorer, NetworkScorer)
    return scorer


@pytest.fixture(scope="module")
def three() -> SeedEnsembleScorer:
    scorer = fitted(EndpointKind.BINARY, ensemble=3)
    assert isinstance(scorer, SeedEnsembleScorer)
    return scorer


def test_the_first_seed_is_the_network_s_own_and_the_others_differ(
    single: NetworkScorer, three: SeedEnsembleScorer
) -> None:
    states = [member.to_state() for member in three.members]
    assert same_state(states[0], single.to_state())
    assert not any(same_state(states[i], states[j]) for i in range(3) for j in range(i))
    assert same_state(fitted(EndpointKind.BINARY, ensemble=1).to_state(), single.to_state())
    assert three.notes[0] == f"Network 1 of 3: {single.notes[0]}"


def test_log_odds_are_averaged_and_not_risks(single: NetworkScorer, three: SeedEnsembleScorer) -> None:
    worked = SeedEnsembleScorer(tuple(of_value(single, value) for value in (1.0, 2.0, 6.0)))
    np.testing.assert_array_equal(worked.score(cases()), 3.0)  # the mean risk would have log odds of 1.90
    mean = np.mean([member.score(cases()) for member in three.members], axis=0)
    np.testing.assert_allclose(three.score(cases()), mean, rtol=1e-6)
    assert np.ptp(three.score(cases())) > 0


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (EndpointKind.TIME_TO_EVENT, {}),
        (EndpointKind.TIME_TO_EVENT, {"survival_head": "discrete_time"}),
        (EndpointKind.ORDINAL, {"ordinal_head": "cumulative"}),
        (EndpointKind.DURATION, {"duration_head": "quantiles"}),
        (EndpointKind.CONTINUOUS, {"continuous_head": "gaussian"}),
    ],
)
def test_one_head_reads_the_mean_outputs_and_details_agree_with_the_score(
    kind: EndpointKind, head: dict[str, str]
) -> None:
    scorer = fitted(kind, ensemble=2, **head)
    outputs = torch.stack([member.outputs(cases()) for member in scorer.members]).mean(dim=0)
    assert torch.equal(scorer.outputs(cases()), outputs)
    score = scorer.score(cases())
    np.testing.assert_allclose(score, scorer.members[0].module.head.score(outputs).numpy(), rtol=1e-6)
    said = scorer.said(cases())
    if kind is EndpointKind.TIME_TO_EVENT:
        assert said is None
    elif said.what is Detail.GRADE_AT_LEAST:
        np.testing.assert_allclose(said.at[0] + said.value[:, 1:] @ np.diff(said.at), score)
    else:
        np.testing.assert_allclose(said.value[:, said.at.index(0.5)], 0.0, atol=1e-12)


def test_one_state_holds_all_networks_and_comes_back_without_pickle(three: SeedEnsembleScorer) -> None:
    model = fit_model("network", cases(), target(EndpointKind.TIME_TO_EVENT), params(ensemble=2), 7)
    state = model.to_state()
    again = model_from_state(State(json.loads(json.dumps(state.numbers)), read_npz(npz_bytes(state.arrays))))
    assert isinstance(again.scorer, SeedEnsembleScorer)
    assert again.score(cases()).tobytes() == model.score(cases()).tobytes()
    assert same_state(again.to_state(), state)
    assert len(three.to_state().arrays) == 3 * len(three.members[0].to_state().arrays)


def test_it_can_be_one_of_the_models_of_a_stack(three: SeedEnsembleScorer) -> None:
    inputs = cases()
    base = Base.of("all", ("clinical", "image:ct"), three.score(inputs), np.ones(N, dtype=bool))
    stack = StackedScorer((base,), (three,), Weights(np.ones(1), 0.0, 1.0))
    again = model_from_state(replace_scorer(stack))
    assert again.score(inputs).tobytes() == stack.score(inputs).tobytes()


def replace_scorer(stack: StackedScorer) -> State:
    inner = stack.to_state()
    head = {"algorithm": "stacking", "kind": EndpointKind.BINARY.value, "baseline": None, "note": ""}
    return State({**head, "scorer": dict(inner.numbers)}, inner.arrays)


def test_heat_is_that_of_all_networks_together(single: NetworkScorer) -> None:
    one, other = loud(single, 1), loud(single, 2)
    alone, twice, both = (
        heat_map(scorer, cases(), "ct")
        for scorer in (one, SeedEnsembleScorer((one, one)), SeedEnsembleScorer((one, other)))
    )
    assert alone is not None
    np.testing.assert_allclose(twice, alone, rtol=1e-5, atol=1e-6)
    assert not np.allclose(both, alone, atol=1e-2)
    turned = heat_map(SeedEnsembleScorer((other, one)), cases(), "ct")
    np.testing.assert_allclose(both, turned, rtol=1e-4, atol=1e-5)


def test_networks_of_different_designs_are_refused(single: NetworkScorer) -> None:
    other = replace(single, design=replace(single.design, fusion="concat"))
    for members in ((single,), (single, other)):
        with pytest.raises(ValueError, match="of one design"):
            SeedEnsembleScorer(members)


def test_a_table_of_another_width_is_refused(three: SeedEnsembleScorer) -> None:
    narrow = replace(cases(), matrix=np.zeros((N, 1)), blocks=("clinical",))
    with pytest.raises(ValueError, match="2 table columns were learned, found 1"):
        three.score(narrow)


def test_the_procedure_and_its_refits_hold_several_seeds() -> None:
    network = replace(TINY, ensemble=2, epochs=1, refits=2)
    rung = replace(NETWORK_RUNG, grid=(network.params(),))
    settings, data = replace(SETTINGS, network=network), image_cases(n=32)
    procedure = fit_procedure(data, (rung,), settings, 3)
    refits = refit_ensemble(procedure, data, settings, 4)
    assert [len(member.model.scorer.members) for member in refits.members] == [2, 2]
    again = FittedProcedure.from_states(procedure.to_states())
    frame = data.frame.iloc[:3]
    assert (
        again.predict(frame, (), data.crops).risk.tobytes() == procedure.predict(frame, (), data.crops).risk.tobytes()
    )
    back = Ensemble.from_state(refits.to_state())
    assert back.risks(frame, (), data.crops).tobytes() == refits.risks(frame, (), data.crops).tobytes()


def test_one_network_is_said_by_saying_nothing() -> None:
    assert "ensemble" not in NetworkSettings().params()
    assert "ensemble" not in NetworkSettings(ensemble=1).to_json()
    assert NetworkSettings(ensemble=3).params()["ensemble"] == 3
    with pytest.raises(ValueError, match="ensemble >= 1"):
        NetworkSettings(ensemble=0)
