"""Preprocessing learns from the given rows, keeps its reasons, and survives JSON to the last bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.outputs import Output
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.types import Target


def number(name: str) -> FeatureColumn:
    return FeatureColumn(f"clinical:{name}", "clinical", "numeric", "preoperative")


def boolean(name: str) -> FeatureColumn:
    return FeatureColumn(f"clinical:{name}", "clinical", "boolean", "preoperative")


STAGE = FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", ("I", "II", "III"))


def example(n: int = 60, seed: int = 0) -> tuple[pd.DataFrame, tuple[FeatureColumn, ...]]:
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 10, n)
    lab = rng.lognormal(0, 1.5, n)
    lab[:12] = np.nan
    stage = rng.choice(np.array(["I", "II", "III", None], dtype=object), n)
    smoker = (rng.random(n) < 0.3).astype(float)
    frame = pd.DataFrame(
        {"clinical:age": age, "clinical:lab": lab, "clinical:smoker": smoker, "clinical:stage": stage},
        index=[f"c{i}" for i in range(n)],
    )
    return frame, (number("age"), number("lab"), boolean("smoker"), STAGE)


def test_json_round_trip_gives_the_same_bits() -> None:
    frame, columns = example()
    fitted = fit_preprocessor(frame, columns, Rules())
    again = Preprocessor.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    assert again.transform(frame).tobytes() == fitted.transform(frame).tobytes()


def test_inputs_are_not_changed() -> None:
    frame, columns = example()
    before = frame.copy(deep=True)
    fit_preprocessor(frame, columns, Rules()).transform(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_matrix_has_no_gap_and_standardised_numbers() -> None:
    frame, columns = example()
    fitted = fit_preprocessor(frame, columns, Rules())
    X = fitted.transform(frame)
    age = fitted.output_names.index("clinical:age")
    assert np.isfinite(X).all()
    assert X[:, age].mean() == pytest.approx(0, abs=1e-12)
    assert X[:, age].std() == pytest.approx(1)


def test_often_missing_numbers_get_a_column_that_says_so() -> None:
    frame, columns = example()
    fitted = fit_preprocessor(frame, columns, Rules())
    told = fitted.transform(frame)[:, fitted.output_names.index("clinical:lab=missing")]
    assert told.tolist() == frame["clinical:lab"].isna().astype(float).tolist()
    rarely = fit_preprocessor(frame, columns, Rules(missing_column_from=0.5))
    assert "clinical:lab=missing" not in rarely.output_names


def test_a_long_tail_is_taken_as_a_logarithm_and_a_symmetric_number_is_not() -> None:
    frame, columns = example(n=200)
    outputs = {output.name: output for output in fit_preprocessor(frame, columns, Rules()).outputs}
    assert outputs["clinical:lab"].log1p
    assert not outputs["clinical:age"].log1p


def test_an_unseen_category_is_zero_everywhere_and_counted() -> None:
    frame, columns = example()
    fitted = fit_preprocessor(frame, columns, Rules())
    new = frame.iloc[:3].copy()
    new["clinical:stage"] = ["IV", "II", None]
    X = fitted.transform(new)
    stage = [j for j, name in enumerate(fitted.output_names) if name.startswith("clinical:stage=")]
    assert X[0, stage].sum() == 0
    assert X[1, fitted.output_names.index("clinical:stage=II")] == 1
    assert X[2, fitted.output_names.index("clinical:stage=missing")] == 1
    assert fitted.unseen(new) == {"clinical:stage": 1}
    assert fitted.unseen(frame) == {}


def test_what_is_no_step_is_written_as_before_there_were_steps() -> None:
    frame, columns = example()
    fitted = fit_preprocessor(frame, columns, Rules())
    assert all("order" not in output.to_json() for output in fitted.outputs)
    level = next(output for output in fitted.outputs if output.name == "clinical:stage=II")
    assert level.to_json() == {"name": "clinical:stage=II", "source": "clinical:stage", "role": "level", "level": "II",
                               "fill_level": "missing"}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "step", "level": "II"},
        {"role": "step", "level": "IV", "order": ("I", "II")},
        {"role": "level", "level": "II", "order": ("I", "II")},
    ],
)
def test_a_step_without_its_order_and_an_order_without_a_step_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a step is one of its order"):
        Output("clinical:stage", "clinical:stage", **wrong)


def test_rare_missing_categories_take_the_mode() -> None:
    stage = ["I"] * 20 + ["II"] * 30 + [None]
    frame = pd.DataFrame({"clinical:stage": stage})
    fitted = fit_preprocessor(frame, [STAGE], Rules(redundant_above=1.1))
    assert "clinical:stage=missing" not in fitted.output_names
    assert fitted.transform(frame)[-1, fitted.output_names.index("clinical:stage=II")] == 1


def test_useless_columns_go_with_their_reason() -> None:
    n = 40
    frame = pd.DataFrame(
        {
            "clinical:empty": np.full(n, np.nan),
            "clinical:same": np.full(n, 3.0),
            "clinical:rare": np.r_[np.ones(4), np.zeros(n - 4)],
            "clinical:kept": np.arange(n, dtype=float),
            "clinical:copy": np.exp(np.arange(n) / 10.0),
        }
    )
    columns = [number("empty"), number("same"), boolean("rare"), number("kept"), number("copy")]
    fitted = fit_preprocessor(frame, columns, Rules())
    assert fitted.output_names == ("clinical:kept",)
    reasons = dict(fitted.dropped)
    assert "missing" in reasons["clinical:empty"]
    assert "constant" in reasons["clinical:same"]
    assert "fewer than 5" in reasons["clinical:rare"]
    assert "with clinical:kept" in reasons["clinical:copy"]


def test_selection_keeps_what_goes_with_the_outcome() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(80, 12))
    y = (noise[:, 7] + 0.3 * rng.normal(size=80) > 0).astype(float)
    frame = pd.DataFrame(noise, columns=[f"clinical:x{i}" for i in range(12)])
    columns = [number(f"x{i}") for i in range(12)]
    fitted = fit_preprocessor(frame, columns, Rules(top_k=1), Target.binary("y", y))
    assert fitted.output_names == ("clinical:x7",)
    flipped = fit_preprocessor(frame, columns, Rules(top_k=1), Target.binary("y", 1 - y))
    assert flipped.output_names == ("clinical:x7",)
    with pytest.raises(ValueError, match="target"):
        fit_preprocessor(frame, columns, Rules(top_k=1))


def test_selection_for_a_time_to_event_follows_early_events() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(120, 6))
    time = rng.exponential(np.exp(-1.5 * x[:, 2])) * 100
    frame = pd.DataFrame(x, columns=[f"clinical:x{i}" for i in range(6)])
    target = Target.survival("os", time, np.ones(120))
    fitted = fit_preprocessor(frame, [number(f"x{i}") for i in range(6)], Rules(top_k=1), target)
    assert fitted.output_names == ("clinical:x2",)


def test_values_outside_training_are_held_at_the_learned_bounds() -> None:
    frame = pd.DataFrame({"clinical:age": np.linspace(40, 80, 50)})
    fitted = fit_preprocessor(frame, [number("age")], Rules())
    wild = fitted.transform(pd.DataFrame({"clinical:age": [1e9, -1e9, np.inf]}))[:, 0]
    inside = fitted.transform(frame)[:, 0]
    assert wild[0] == inside.max()
    assert wild[1] == inside.min()
    assert wild[2] == pytest.approx(0, abs=1e-9)  # infinite is missing: the median, here also the mean


def test_repeated_rows_are_allowed() -> None:
    frame, columns = example()
    rows = np.r_[np.arange(40), np.arange(20)]
    drawn = frame.take(rows.tolist())
    fitted = fit_preprocessor(drawn, columns, Rules())
    assert fitted.transform(drawn).shape == (60, len(fitted.outputs))


@pytest.mark.parametrize("wrong", [{"winsorise": 0.5}, {"top_k": 0}])
def test_senseless_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="found"):
        Rules(**wrong)  # type: ignore[arg-type]
