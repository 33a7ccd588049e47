"""Contributions: hand-worked games, brute force against sampling, and who plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.errors import DataRefusal
from outcome.explain.players import Game, Player, Population, game_of
from outcome.explain.shapley import linear_contributions, shapley_contributions
from outcome.features.columns import FeatureColumn
from outcome.features.outputs import Output
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.models.inputs import Inputs
from outcome.types import FloatArray

N = 60


def game(case: list[float], reference: list[float] | None = None) -> Game:
    """One player a column."""
    row = np.array([case], dtype=float)
    other = np.zeros_like(row) if reference is None else np.array([reference], dtype=float)
    players = tuple(Player(f"x{j}", f"X{j}", "", "", (j,)) for j in range(len(case)))
    return Game(Inputs(row, case_ids=("a",)), Inputs(other, case_ids=("a",)), players)


def by_name(rows: object) -> dict[str, float]:
    return {row.name: row.contribution for row in rows}  # type: ignore[attr-defined]


def brute_force(given: Game, score: Callable[[Inputs], FloatArray]) -> list[float]:
    """The mean over all orders of what each player adds when its turn comes."""
    count = len(given.players)
    total = np.zeros(count)
    for order in permutations(range(count)):
        chosen = np.zeros((1, count), dtype=bool)
        before = float(score(given.mixed(chosen))[0])
        for player in order:
            chosen[0, player] = True
            after = float(score(given.mixed(chosen))[0])
            total[player] += after - before
            before = after
    return (total / factorial(count)).tolist()


def test_a_product_is_shared_by_halves_and_a_sum_keeps_its_own() -> None:
    # f = x0 x1 + 3 x2 at (2, 5, 1) against 0: 10 shared by two, 3 alone; x3 has no part
    result = shapley_contributions(
        game([2, 5, 1, 7]), lambda X: X.matrix[:, 0] * X.matrix[:, 1] + 3 * X.matrix[:, 2], seed=1, evaluations=100
    )
    assert by_name(result.rows) == pytest.approx({"x0": 5.0, "x1": 5.0, "x2": 3.0, "x3": 0.0})
    assert (result.reference_score, result.score) == (0.0, 13.0)
    assert [abs(row.contribution) for row in result.rows] == pytest.approx([5, 5, 3, 0])


def crooked(X: Inputs) -> FloatArray:
    a = X.matrix
    return np.maximum(a[:, 0], a[:, 1]) * np.sin(a[:, 2]) + a[:, 3] ** 2 * a[:, 0] - 0.5 * a[:, 4]


def test_all_subsets_equal_brute_force() -> None:
    given = game([1.0, 2.0, 0.7, -1.5, 4.0], [0.2, 0.1, 0.3, 0.4, 0.5])
    result = by_name(shapley_contributions(given, crooked, seed=1, evaluations=32).rows)
    assert [result[p.name] for p in given.players] == pytest.approx(brute_force(given, crooked), abs=1e-9)


def test_permutations_come_close_to_brute_force_and_add_up_exactly() -> None:
    given = game([1.0, 2.0, 0.7, -1.5, 4.0], [0.2, 0.1, 0.3, 0.4, 0.5])
    result = shapley_contributions(given, crooked, seed=1, evaluations=31)  # too few for the 32 subsets: 2 orders
    values = by_name(result.rows)
    assert result.reference_score + sum(values.values()) == pytest.approx(result.score, abs=1e-12)
    assert [values[p.name] for p in given.players] == pytest.approx(brute_force(given, crooked), abs=1.0)
    assert values["x4"] == pytest.approx(-0.5 * 3.5), "what enters as a sum does not depend on the order"


def test_a_weighted_sum_needs_no_orders() -> None:
    given, weights = game([1.0, -2.0, 3.0], [0.5, 0.5, 3.0]), np.array([2.0, 1.0, 9.0])

    def score(X: Inputs) -> FloatArray:
        return X.matrix @ weights + 4.0

    exact = by_name(linear_contributions(given, weights, score).rows)
    assert exact == {"x0": 1.0, "x1": -2.5, "x2": 0.0}
    assert by_name(shapley_contributions(given, score, seed=3, evaluations=99).rows) == pytest.approx(exact)


def test_what_does_not_add_up_is_refused() -> None:
    with pytest.raises(DataRefusal, match="do not add up"):
        linear_contributions(game([1.0, 1.0]), np.array([1.0, 1.0]), lambda X: X.matrix[:, 0] * X.matrix[:, 1] * 5)


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(DataRefusal, match="do not add up"):
        linear_contributions(game([1.0]), np.array([1.0]), lambda X: np.full(len(X), np.nan))


def test_the_same_seed_gives_the_same_and_numpys_own_generator_is_left_alone() -> None:
    given = game([1.0, 2.0, 0.7, -1.5, 4.0])
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    first, second = (shapley_contributions(given, crooked, seed=5, evaluations=11) for _ in range(2))
    assert first == second
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative", label="Age", unit="years"),
    FeatureColumn("clinical:bmi", "clinical", "numeric", "preoperative", label="Body mass index"),
    FeatureColumn("clinical:smoker", "clinical", "boolean", "preoperative", label="Smoker"),
    FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", ("1", "2", "3"), "Stage", "",
                  ("one", "two", "three")),
    FeatureColumn("radiomics:tumor.morph_volume", "radiomics", "numeric", "preoperative"),
    FeatureColumn("image:ct:crop", "image:ct", "image", "preoperative"),
)  # fmt: skip


def people() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    bmi = rng.normal(26, 3, N)
    bmi[:20] = np.nan
    return pd.DataFrame(
        {
            "clinical:age": rng.normal(60, 10, N),
            "clinical:bmi": bmi,
            "clinical:smoker": (np.arange(N) % 4 == 0).astype(float),
            "clinical:stage": [("1", "2", "3")[i % 3] if i % 10 else None for i in range(N)],
            "radiomics:tumor.morph_volume": rng.lognormal(10, 1.5, N),
            "image:ct:crop": np.where(np.arange(N) % 2, np.nan, 1.0),
        },
        index=pd.Index([f"c{i}" for i in range(N)], name="case_id"),
    )


@pytest.fixture
def fitted() -> Preprocessor:
    return fit_preprocessor(people(), COLUMNS, Rules(redundant_above=2.0))


def player(given: Game, name: str) -> Player:
    return next(p for p in given.players if p.name == name)


def test_a_feature_with_all_its_columns_is_one_player(fitted: Preprocessor) -> None:
    given = game_of(fitted, people().iloc[[1]], Population())
    assert [p.name for p in given.players] == [*(c.name for c in COLUMNS[:5]), "image:ct"]
    names = [[fitted.output_names[j] for j in p.columns] for p in given.players]
    assert names[1] == ["clinical:bmi", "clinical:bmi=missing"]
    assert names[3] == [f"clinical:stage={level}" for level in ("1", "2", "3", "missing")]
    assert sorted(j for p in given.players for j in p.columns) == list(range(len(fitted.outputs)))


def test_values_and_references_are_words_with_units(fitted: Preprocessor) -> None:
    frame = people().iloc[[1]].assign(**{"clinical:age": 71.0, "radiomics:tumor.morph_volume": 31415.9})
    given = game_of(fitted, frame, Population())
    age, bmi, smoker, stage, volume, image = given.players
    assert (age.label, age.value) == ("Age", "71 years")
    assert age.reference.startswith("average ")
    assert age.reference.endswith(" years")
    assert (bmi.value, smoker.value, stage.value) == ("not known", "no", "two")
    assert volume.label == "Tumor: volume inside the surface mesh"
    assert volume.value == "31,416 mm³"
    assert (image.label, image.value, image.reference) == ("Image ct", "not available", "not available")


def test_a_number_s_reference_tells_where_nine_in_ten_lie_where_the_bundle_does(fitted: Preprocessor) -> None:
    told: dict[str, dict[str, Any]] = {
        "clinical:age": {"quantiles": {"0.05": 43.85, "0.5": 60.0, "0.95": 73.3}},
        "clinical:bmi": {"mean": None},
    }
    age, bmi, *_ = game_of(fitted, people().iloc[[1]], Population(N, told)).players
    assert age.reference.endswith(" years, nine in ten 43.85 to 73.3 years")
    assert "nine in ten" not in bmi.reference


def test_all_of_the_case_is_the_case_and_none_is_the_reference(fitted: Preprocessor) -> None:
    given = game_of(fitted, people().iloc[[0]], Population())
    count = len(given.players)
    both = given.mixed(np.array([[True] * count, [False] * count]))
    np.testing.assert_array_equal(both.matrix[0], given.case.matrix[0])
    np.testing.assert_array_equal(both.matrix[1], given.reference.matrix[0])
    assert both.present["image:ct"].tolist() == [True, False]
    assert both.present["clinical"].tolist() == [True, True]
    assert both.case_ids == ("c0", "c0")


def test_an_image_is_a_player_there_or_not(fitted: Preprocessor) -> None:
    def score(X: Inputs) -> FloatArray:
        return np.where(X.present["image:ct"], 2.0, 0.0)

    there = shapley_contributions(game_of(fitted, people().iloc[[0]], Population()), score, seed=1, evaluations=50)
    assert there.rows[0].name == "image:ct"
    assert there.rows[0].contribution == pytest.approx(2.0)
    gone = shapley_contributions(game_of(fitted, people().iloc[[1]], Population()), score, seed=1, evaluations=50)
    assert [row.contribution for row in gone.rows] == [0.0] * len(gone.rows)


def test_a_block_that_is_not_there_is_one_fact(fitted: Preprocessor) -> None:
    frame = people().iloc[[0]].assign(**{"radiomics:tumor.morph_volume": np.nan})
    given = game_of(fitted, frame, Population())
    block = player(given, "radiomics")
    assert (block.label, block.value) == ("Measurements on the mask and image", "not available")
    result = shapley_contributions(given, lambda X: np.where(X.present["radiomics"], 0.0, 1.0), seed=1, evaluations=200)
    assert by_name(result.rows)["radiomics"] == pytest.approx(1.0)


LEVELS = tuple(
    Output(f"clinical:stage={level}", "clinical:stage", "level", level=level, fill_level="1") for level in ("1", "2")
)
SWITCHES = (
    Output("clinical:smoker", "clinical:smoker", "boolean", fill=1.0),
    Output("clinical:bmi=missing", "clinical:bmi", "missing"),
)


def reference_of(population: Population) -> list[float]:
    prepared = Preprocessor(COLUMNS[1:4], (*LEVELS, *SWITCHES))
    return game_of(prepared, people().iloc[[1]], population).reference.matrix[0].tolist()


def test_the_reference_takes_shares_of_the_development_cases() -> None:
    # 100 cases: stage known in 80 (50 one, 20 two, 10 three), the rest count as one; smokers 25 % of 80, 20 filled yes
    told: dict[str, dict[str, Any]] = {
        "clinical:stage": {"missing": 20, "counts": {"1": 50, "2": 20, "3": 10}},
        "clinical:smoker": {"missing": 20, "mean": 0.25},
        "clinical:bmi": {"missing": 30, "mean": 26.0},
    }
    assert reference_of(Population(100, told)) == pytest.approx([0.7, 0.2, 0.4, 0.3])


def test_what_the_bundle_withholds_counts_as_none_and_what_it_does_not_tell_as_the_commonest() -> None:
    told: dict[str, dict[str, Any]] = {"clinical:stage": {"missing": None, "counts": {"1": 80, "2": None, "3": None}}}
    assert reference_of(Population(100, told)) == pytest.approx([0.8, 0.0, 1.0, 0.0])
    assert reference_of(Population()) == [1.0, 0.0, 1.0, 0.0]


ORDERED = replace(COLUMNS[3], ordered=True)


def steps(median: int) -> tuple[Output, ...]:
    return tuple(
        Output(f"clinical:stage>={step}", "clinical:stage", "step", float(median >= int(step)), level=step,
               order=("1", "2", "3"))
        for step in ("2", "3")
    )  # fmt: skip


def stage_game(population: Population, median: int) -> Game:
    return game_of(Preprocessor((ORDERED,), steps(median)), people().iloc[[1]], population)


def test_steps_are_one_player_against_the_shares_that_reach_them() -> None:
    # 100 cases: 80 known (40 one, 30 two, 10 three), 20 filled with two: 60 reach two, 10 reach three
    told = {"clinical:stage": {"missing": 20, "counts": {"1": 40, "2": 30, "3": 10}}}
    given = stage_game(Population(100, told), 2)
    assert given.reference.matrix[0].tolist() == pytest.approx([0.6, 0.1])
    assert given.case.matrix[0].tolist() == [1, 0]
    (stage,) = given.players
    assert (stage.label, stage.value, stage.reference) == ("Stage", "two", "at least two in 60 %")
    result = linear_contributions(given, np.array([2.0, 5.0]), lambda X: X.matrix @ np.array([2.0, 5.0]))
    assert by_name(result.rows) == {"clinical:stage": pytest.approx(2 * 0.4 - 5 * 0.1)}


def test_steps_whose_shares_are_withheld_or_not_told_count_as_none_or_as_the_median() -> None:
    told = {"clinical:stage": {"missing": None, "counts": {"1": 80, "2": None, "3": 15}}}
    given = stage_game(Population(100, told), 1)
    assert given.reference.matrix[0].tolist() == pytest.approx([0.15, 0.15])
    assert given.players[0].reference == "at least two in 15 %"
    assert stage_game(Population(), 3).players[0].reference == "at least three in 100 %"
    assert stage_game(Population(), 2).reference.matrix[0].tolist() == [1.0, 0.0]
