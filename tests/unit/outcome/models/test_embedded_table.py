"""Learned numbers for categories: by hand, in every fusion, through a preprocessing, and where nobody asks for them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from outcome.evaluation.discrimination.roc import auroc
from outcome.explain.players import Population, game_of
from outcome.explain.shapley import shapley_contributions
from outcome.features.columns import FeatureColumn
from outcome.features.crops import Crops
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.models.inputs import Inputs, model_inputs
from outcome.models.network.data import stack_cases
from outcome.models.network.embedded_table import (
    CategoryEmbedding,
    EmbeddedTableToken,
    categories_for,
    embedding_size,
)
from outcome.models.network.fusion import FUSIONS
from outcome.models.network.learning import design_of, fit_network
from outcome.models.network.model import Design, FusionNetwork, NetworkScorer
from outcome.models.registry import fit_model, model_from_state
from outcome.models.stacking import limited
from outcome.models.state import State, same_state
from outcome.training.files import npz_bytes, read_npz
from outcome.types import Target

SIZE = (8, 8, 8)
GROUPS = ("", "clinical:stage", "clinical:stage", "clinical:stage", "genomics:type", "genomics:type")
BLOCKS = ("clinical",) * 4 + ("genomics",) * 2
CATEGORIES = {"clinical": ((1, 2, 3),), "genomics": ((4, 5),)}
EMBEDDED = {"tables": "embedded", "epochs": 1, "batch": 8}


def cases(n: int = 24) -> Inputs:
    """An age and a stage of three levels, a type of two, and an image; every fifth value has no column."""
    rng = np.random.default_rng(3)
    stage, kind = (np.eye(levels + 1)[rng.permutation(np.arange(n) % (levels + 1))][:, 1:] for levels in (3, 2))
    matrix = np.column_stack([rng.normal(size=n), stage, kind])
    present = {
        "clinical": np.arange(n) % 7 != 4,
        "genomics": np.arange(n) % 4 != 1,
        "image:ct": np.arange(n) % 5 != 2,
    }
    held = {}
    for i in range(n):
        crop = rng.normal(size=(2, *SIZE))
        crop[1] = crop[1] > 0
        held[str(i)] = {"ct": crop.astype(np.float16).astype(np.float32)}
    return Inputs(matrix, BLOCKS, present, tuple(map(str, range(n))), Crops(held=held), GROUPS)


def tables_of(inputs: Inputs) -> Inputs:
    """The same cases without their images."""
    return replace(inputs, present={name: told for name, told in inputs.present.items() if name != "image:ct"})


def rows(inputs: Inputs, wanted: list[int]) -> Inputs:
    present = {block: told[wanted] for block, told in inputs.present.items()}
    ids = tuple(inputs.case_ids[i] for i in wanted)
    return replace(inputs, matrix=inputs.matrix[wanted], present=present, case_ids=ids)


def outcome(n: int = 24) -> Target:
    return Target.binary("e", (np.arange(n) % 3 == 0).astype(float))


def untrained(fusion: str) -> NetworkScorer:
    """A network whose every weight is drawn, so that no path is silent."""
    tables = {"clinical": (0, 1, 2, 3), "genomics": (4, 5)}
    design = Design(tables, {"image:ct": (2, *SIZE)}, "resnet_3d", fusion, "binary", categories=CATEGORIES)
    torch.manual_seed(5)
    module = FusionNetwork(design)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        module.coefficients.normal_()
    return NetworkScorer(design, module.eval())


def by_hand() -> CategoryEmbedding:
    """Levels A, B, C in columns 1 to 3."""
    embedding = CategoryEmbedding((1, 2, 3))
    with torch.no_grad():
        embedding.levels.copy_(torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]))
        embedding.unknown.copy_(torch.tensor([7.0, -7.0]))
    return embedding


@pytest.mark.parametrize(
    ("columns", "numbers"),
    [
        ([1, 0, 0], [1, 10]),
        ([0, 1, 0], [2, 20]),
        ([0, 0, 0], [7, -7]),  # a level without a column
        ([0.5, 0.5, 0], [1.5, 15]),  # an average case
        ([0, 0.25, 0.25], [1.25 + 3.5, 12.5 - 3.5]),  # of which half have a level without a column
        ([1, 1, 0], [3, 30]),  # never less than nothing of the unknown
    ],
)
def test_a_level_gets_its_own_numbers_and_a_value_without_a_column_those_of_the_unknown(
    columns: list[float], numbers: list[float]
) -> None:
    table = torch.tensor([[99.0, *columns, -99.0]])
    assert by_hand()(table)[0].tolist() == pytest.approx(numbers)


def test_a_token_by_hand() -> None:
    """Age 2 and stage B (2, 20): one hidden number max(0, 2 + 20 - 2 * 2) = 18, of which the token takes half."""
    token = EmbeddedTableToken((0, 1, 2, 3), ((1, 2, 3),))
    with torch.no_grad():
        token.embeddings[0].load_state_dict(by_hand().state_dict())
        for parameter in token.layer.parameters():
            parameter.zero_()
        token.layer[0].weight[0].copy_(torch.tensor([1.0, 1.0, -2.0]))
        token.layer[2].weight[3, 0] = 0.5
        token.layer[2].weight[4, 0] = -0.5
        made = token(torch.tensor([[2.0, 0.0, 1.0, 0.0]]))[0]
    assert made.tolist() == [0.0] * 3 + [9.0] + [0.0] * 12


def test_sizes_of_embeddings() -> None:
    assert [embedding_size(levels) for levels in (2, 3, 4, 5, 14, 15, 400)] == [2, 2, 3, 3, 8, 8, 8]


def test_the_unknown_begins_at_nothing_and_learns_from_cases_that_have_it_alone() -> None:
    inputs, target = tables_of(cases()), outcome()
    named = inputs.matrix.copy()
    named[named[:, 1:4].sum(axis=1) == 0, 1] = 1
    for matrix, learned in ((inputs.matrix, True), (named, False)):
        scorer = fit_network(replace(inputs, matrix=matrix), target, {**EMBEDDED, "epochs": 2}, 3)
        unknown = scorer.module.tables[0].embeddings[0].unknown  # type: ignore[index,union-attr]
        assert bool(torch.count_nonzero(unknown)) == learned


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_reach_every_parameter_and_every_column(fusion: str) -> None:
    inputs, scorer = cases(), untrained(fusion)
    batch = stack_cases(inputs, tuple(scorer.design.tables), scorer.design.images).batch(torch.arange(len(inputs)))
    with torch.no_grad():
        scorer.module.coefficients.zero_()  # the columns are to be reached through the tokens
    batch.table.requires_grad_(True)
    scorer.score_batch(batch).square().sum().backward()
    silent = [name for name, p in scorer.module.named_parameters() if p.grad is None or not torch.count_nonzero(p.grad)]
    assert silent == []
    assert batch.table.grad is not None
    assert (batch.table.grad != 0).any(dim=0).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_case_alone_scores_as_in_company_and_near_its_batch(fusion: str) -> None:
    inputs, scorer = cases(12), untrained(fusion)
    together = scorer.score(inputs)
    alone = np.concatenate([scorer.score(rows(inputs, [i])) for i in range(len(inputs))])
    assert alone.tobytes() == together.tobytes()
    batch = stack_cases(inputs, tuple(scorer.design.tables), scorer.design.images).batch(torch.arange(len(inputs)))
    with torch.no_grad():
        np.testing.assert_allclose(scorer.score_batch(batch).numpy(), together, rtol=1e-3, atol=1e-4)
    assert len(np.unique(together)) == len(together)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_a_missing_block_holds_changes_nothing(fusion: str) -> None:
    inputs, scorer = rows(cases(), [0]), untrained(fusion)
    with torch.no_grad():
        scorer.module.coefficients.zero_()  # the linear path reads columns, not blocks
    there, absent = inputs.present, {**inputs.present, "genomics": np.array([False])}
    other = inputs.matrix.copy()
    other[0, 4:] = 1 - other[0, 4:]
    one, two = (scorer.score(replace(inputs, matrix=matrix, present=absent)) for matrix in (inputs.matrix, other))
    assert one.tobytes() == two.tobytes()
    assert one[0] != scorer.score(replace(inputs, present=there))[0]
    assert scorer.score(inputs)[0] != scorer.score(replace(inputs, matrix=other))[0]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_state_survives_a_file(fusion: str) -> None:
    inputs, scorer = cases(6), untrained(fusion)
    state = scorer.to_state()
    again = NetworkScorer.from_state(through_a_file(state))
    assert same_state(again.to_state(), state)
    assert again.score(inputs).tobytes() == scorer.score(inputs).tobytes()
    assert again.design == scorer.design


def test_the_same_seed_gives_the_same_model() -> None:
    inputs, target = cases(), outcome()
    models = [fit_model("network", inputs, target, EMBEDDED, 7) for _ in range(2)]
    states = [model.to_state() for model in models]
    assert same_state(*states)
    again = model_from_state(through_a_file(states[0]))
    assert again.score(inputs).tobytes() == models[1].score(inputs).tobytes()
    assert states[0].numbers["scorer"]["design"]["categories"] == {"clinical": [[1, 2, 3]], "genomics": [[4, 5]]}


def through_a_file(state: State) -> State:
    return State(json.loads(json.dumps(state.numbers)), read_npz(npz_bytes(state.arrays)))


def test_what_is_not_asked_for_leaves_no_trace() -> None:
    """The weights and the words of a network that embeds nothing are those of one that never heard of it."""
    inputs, target = tables_of(cases()), outcome()
    plain, named, bare = (
        fit_network(x, target, {"epochs": 1, **told}, 3).to_state()
        for x, told in ((inputs, {}), (inputs, {"tables": "linear"}), (replace(inputs, groups=()), {}))
    )
    assert same_state(plain, named)
    assert same_state(plain, bare)
    assert "categories" not in plain.numbers["design"]
    assert {name for name in plain.arrays if name.startswith("tables.")} == {
        f"tables.{i}.layer.0.{part}" for i in range(2) for part in ("weight", "bias")
    }


def test_blocks_without_a_category_have_the_hidden_layer_too() -> None:
    inputs = replace(tables_of(cases()), groups=())
    design = design_of(inputs, outcome(), EMBEDDED)
    assert design.categories == {"clinical": (), "genomics": ()}
    state = fit_network(inputs, outcome(), EMBEDDED, 3).module.state_dict()
    assert state["tables.1.layer.0.weight"].shape == (32, 2)
    assert not [name for name in state if "embeddings" in name]


def test_a_variable_with_one_column_left_is_a_plain_number() -> None:
    inputs = Inputs(np.zeros((2, 4)), ("a", "a", "b", "b"), groups=("a:x", "", "b:y", "b:y"))
    assert categories_for("embedded", inputs) == {"a": (), "b": ((2, 3),)}
    assert categories_for("linear", inputs) is None


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        ({}, "told of every table block"),
        ({"a": ((0, 2),)}, "among columns"),
        ({"a": ((0, 1), (1,))}, "each once"),
    ],
)
def test_a_design_that_embeds_other_columns_is_refused(
    categories: dict[str, tuple[tuple[int, ...], ...]], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Design({"a": (0, 1)}, {}, "resnet_3d", "gated", "binary", categories=categories)


def test_another_kind_of_token_is_refused() -> None:
    with pytest.raises(ValueError, match=r"tables must be one of .*, found 'one_hot'"):
        fit_network(cases(), outcome(), {"tables": "one_hot"}, 1)


def crossed(n: int, seed: int) -> tuple[Inputs, Target]:
    """The event where exactly one of two categories holds an odd level: neither tells anything alone."""
    level = np.random.default_rng(seed).integers(0, 4, (2, n))
    matrix = np.hstack([np.eye(4)[level[0]], np.eye(4)[level[1]]])
    groups = ("clinical:a",) * 4 + ("clinical:b",) * 4
    return Inputs(matrix, ("clinical",) * 8, groups=groups), Target.binary("e", (level.sum(axis=0) % 2).astype(float))


def test_an_interaction_within_a_block_is_learned() -> None:
    inputs, target = crossed(200, 1)
    new, truth = crossed(200, 2)
    scorer = fit_network(inputs, target, {"tables": "embedded", "epochs": 20, "learning_rate": 1e-2}, 3)
    assert auroc(truth.value, new.matrix @ scorer.module.coefficients.numpy()) < 0.65
    assert auroc(truth.value, scorer.score(new)) > 0.9


STAGE = FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", choices=("A", "B", "C", "D"))
AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")


def stages() -> pd.DataFrame:
    """A, B and C, D only twice, and every tenth missing."""
    rng = np.random.default_rng(0)
    stage = rng.choice(["A", "B", "C"], 60).astype(object)
    stage[[3, 17]] = "D"
    stage[::10] = None
    ids = pd.Index([f"c{i}" for i in range(60)], name="case_id")
    return pd.DataFrame({AGE.name: rng.normal(60, 9, 60), STAGE.name: stage}, index=ids)


def preprocessed() -> tuple[Preprocessor, Inputs]:
    preprocessor = fit_preprocessor(stages(), (AGE, STAGE), Rules())
    return preprocessor, model_inputs(preprocessor, stages())


def test_levels_of_a_variable_belong_together_and_the_missing_one_with_them() -> None:
    preprocessor, inputs = preprocessed()
    names = dict(zip(preprocessor.output_names, inputs.groups, strict=True))
    levels = [f"{STAGE.name}={level}" for level in ("A", "B", "C", "missing")]
    assert names == {AGE.name: ""} | dict.fromkeys(levels, STAGE.name)
    with pytest.raises(ValueError, match="5 columns, but 4 groups"):
        replace(inputs, groups=inputs.groups[1:])


def test_a_rare_and_an_unseen_level_are_read_alike() -> None:
    preprocessor, inputs = preprocessed()
    network = fit_network(inputs, outcome(60), {**EMBEDDED, "epochs": 2}, 3)
    frame = stages().iloc[:4].assign(**{AGE.name: 60.0, STAGE.name: ["D", "no such stage", "A", "B"]})
    token = network.module.tables[0]
    with torch.no_grad():
        rare, unseen, a, b = token(torch.from_numpy(model_inputs(preprocessor, frame).matrix).float())
    torch.testing.assert_close(rare, unseen)
    assert not torch.allclose(rare, a)
    assert not torch.allclose(a, b)


def test_blocks_taken_for_a_base_of_a_stack_keep_their_groups() -> None:
    assert limited(cases(), ("genomics",)).groups == GROUPS[4:]
    assert limited(replace(cases(), groups=()), ("genomics",)).groups == ()


def test_contributions_of_an_embedded_category_add_up() -> None:
    """The reference is an average case: shares of levels stand in the columns."""
    preprocessor, inputs = preprocessed()
    design = design_of(inputs, outcome(60), EMBEDDED)
    torch.manual_seed(1)
    module = FusionNetwork(design)
    torch.nn.init.normal_(module.output.weight)
    scorer = NetworkScorer(design, module.eval())
    population = Population(60, {STAGE.name: {"counts": {"A": 20, "B": 15, "C": 17, "D": 2}, "missing": 6}})
    game = game_of(preprocessor, stages().iloc[[1]], population)
    found = shapley_contributions(game, scorer.score, seed=0, evaluations=100)
    moved = {row.name: row.contribution for row in found.rows}
    assert sum(moved.values()) == pytest.approx(found.score - found.reference_score, abs=1e-6)
    assert moved[STAGE.name] != 0
