"""Harmonisation as a step of preprocessing, on tables small enough to count, and on two simulated studies."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.batches import CONFOUNDED, HarmoniseRules, confounded, fit_batches, harmonised
from outcome.features.columns import BATCH, BATCH_COLUMN, FeatureColumn
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.training.choice import choose
from outcome.training.data import TrainingData
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import Rung, default_ladder
from outcome.training.search import search
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, InputSet, Target

NAMES = tuple(f"radiomics:t.f{i}" for i in range(8))
MEASURED = tuple(FeatureColumn(name, "radiomics", "numeric", "preoperative") for name in NAMES)
BATCHES = FeatureColumn(BATCH_COLUMN, "case", BATCH, "preoperative", label="site")
RULES = HarmoniseRules("site")
SIX = ["a"] * 6 + ["b"] * 6


def frame_of(values: np.ndarray, batch: list[str | None]) -> pd.DataFrame:
    ids = [f"c{i:03d}" for i in range(len(values))]
    frame = pd.DataFrame(values, columns=list(NAMES), index=ids)
    return frame.assign(**{BATCH_COLUMN: pd.Series(batch, index=ids, dtype=object)})


def two_sites(seed: int, n: int, shift: float, difference: float) -> TrainingData:
    """Half the cases at either site: `shift` is added by b's scanner, `difference` is true of b's patients."""
    rng = np.random.default_rng(seed)
    at_b = np.arange(n) % 2 == 1
    pure = rng.normal(size=(n, len(NAMES))) + difference * at_b[:, None]
    y = (pure[:, :4].sum(axis=1) - 2 * difference + 1.5 * rng.logistic(size=n) > 0).astype(float)
    shown = pure + shift * at_b[:, None] * (np.arange(len(NAMES)) < 4)
    frame = frame_of(shown, ["b" if b else "a" for b in at_b])
    return TrainingData(frame, (*MEASURED, BATCHES), Target.binary("e", y), frame.index.to_numpy(dtype=str))


SETTINGS = TrainingSettings(outer_folds=2, inner_folds=3, bootstraps=0, harmonise=RULES, families=("elastic_net",))
PLAIN = Rung("plain", "logistic", ({"penalty": 0.03},), 0, ("radiomics",))
BOTH = (PLAIN, replace(PLAIN, name="plain, harmonised", complexity=0.5, harmonised=True))


def test_a_site_ten_units_off_is_brought_back_and_the_batch_is_no_column() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 8))
    values[6:] += 10.0
    frame = frame_of(values, SIX)
    fitted = fit_preprocessor(frame, [*MEASURED, BATCHES], Rules(rare_below=1, redundant_above=1.0), harmonise=RULES)
    assert BATCH_COLUMN not in {output.source for output in fitted.outputs}
    X = fitted.transform(frame)
    assert np.abs(X[:6].mean(axis=0) - X[6:].mean(axis=0)).max() < 0.7  # shrunk towards other columns
    plain = fit_preprocessor(frame, MEASURED, Rules(rare_below=1, redundant_above=1.0)).transform(frame)
    assert np.abs(plain[:6].mean(axis=0) - plain[6:].mean(axis=0)).min() > 1.5


def test_the_state_is_read_back_to_the_last_bit_and_names_nothing_where_nothing_is_harmonised() -> None:
    frame = frame_of(np.random.default_rng(2).normal(size=(12, 8)), SIX)
    fitted = fit_preprocessor(frame, MEASURED, Rules(rare_below=1), harmonise=RULES)
    again = Preprocessor.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(fitted.transform(frame), again.transform(frame))
    assert "harmoniser" not in fit_preprocessor(frame, MEASURED, Rules(rare_below=1)).to_json()
    assert "harmonised" not in PLAIN.to_json()
    assert "harmonise" not in TrainingSettings().to_json()
    assert TrainingSettings.from_json(json.loads(json.dumps(SETTINGS.to_json()))) == SETTINGS


@pytest.mark.parametrize("batch", ["never seen", None, ""])
def test_a_case_of_an_unknown_batch_is_not_shifted_and_counted(batch: str | None) -> None:
    values = np.random.default_rng(3).normal(size=(40, 8))
    values[20:] += 3.0
    frame = frame_of(values, ["a"] * 20 + ["b"] * 20)
    fitted = fit_preprocessor(frame, MEASURED, Rules(), harmonise=RULES)
    harmoniser = fitted.harmoniser
    assert harmoniser is not None
    alone = frame_of(harmoniser.model.mean[None, :], [batch])
    made = harmonised(harmoniser, alone)
    np.testing.assert_allclose(made[list(NAMES)].to_numpy(dtype=float)[0], harmoniser.model.mean)
    assert fitted.unseen(alone) == {BATCH_COLUMN: 1}
    assert fitted.unseen(frame) == {}


def test_a_frame_without_batches_is_one_of_unknown_batches() -> None:
    frame = frame_of(np.random.default_rng(4).normal(size=(12, 8)), SIX)
    fitted = fit_preprocessor(frame, MEASURED, Rules(rare_below=1), harmonise=RULES)
    without = frame.drop(columns=BATCH_COLUMN)
    np.testing.assert_array_equal(fitted.transform(without), fitted.transform(frame.assign(**{BATCH_COLUMN: "x"})))


def test_batches_below_five_cases_and_fewer_than_two_batches_leave_the_columns_alone() -> None:
    frame = frame_of(np.random.default_rng(5).normal(size=(12, 8)), ["a"] * 8 + ["b"] * 4)
    fitted = fit_preprocessor(frame, MEASURED, Rules(rare_below=1), harmonise=RULES)
    assert fitted.harmoniser is None
    assert dict(fitted.dropped)[BATCH_COLUMN].startswith("nothing harmonised: 1 of the batches")
    plain = fit_preprocessor(frame, MEASURED, Rules(rare_below=1))
    np.testing.assert_array_equal(fitted.transform(frame), plain.transform(frame))


def test_a_batch_that_is_the_outcome_is_not_harmonised_away() -> None:
    frame = frame_of(np.random.default_rng(6).normal(size=(12, 8)), SIX)
    same, mixed = Target.binary("e", [0.0] * 6 + [1.0] * 6), Target.binary("e", [0.0, 1.0] * 6)
    assert fit_batches(frame, MEASURED, RULES, same) == (None, CONFOUNDED)
    assert fit_batches(frame, MEASURED, RULES, mixed)[0] is not None
    names = np.array(SIX)
    assert not confounded(names, ["a", "b"], Target.binary("e", [0.0] * 12))
    timed = Target.survival("e", np.arange(1.0, 13.0), [0.0] * 6 + [1.0] * 6)
    assert confounded(names, ["a", "b"], timed)


def test_a_covariate_that_is_the_site_leaves_the_columns_alone_and_says_why() -> None:
    frame = frame_of(np.random.default_rng(7).normal(size=(12, 8)), SIX).assign(**{"clinical:x": [0.0] * 6 + [1.0] * 6})
    harmoniser, reason = fit_batches(frame, MEASURED, replace(RULES, covariates=("clinical:x",)))
    assert harmoniser is None
    assert reason == "a covariate cannot be told from the site"


def test_each_regression_that_reads_harmonised_blocks_stands_beside_itself_without() -> None:
    age = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
    columns = (age, *MEASURED, BATCHES)
    settings = replace(SETTINGS, families=("ridge", "elastic_net", "forest"))
    names = [rung.name for rung in default_ladder(columns, EndpointKind.BINARY, InputSet.PREOPERATIVE, settings)]
    assert names == [
        "clinical",
        "clinical + radiomics, elastic net",
        "clinical + radiomics, elastic net, harmonised",
        "random forest",
    ]
    plain = default_ladder(columns[:-1], EndpointKind.BINARY, InputSet.PREOPERATIVE, replace(settings, harmonise=None))
    assert [rung.name for rung in plain] == ["clinical", "clinical + radiomics, elastic net", "random forest"]
    assert all("case" not in rung.blocks for rung in plain)


def test_where_scanners_differ_it_helps_and_where_patients_differ_it_hurts() -> None:
    gains: dict[str, list[float]] = {"scanner": [], "patients": []}
    for seed in range(4):
        for kind, data in {
            "scanner": two_sites(seed, 160, shift=2.0, difference=0.0),
            "patients": two_sites(seed, 160, shift=0.0, difference=1.0),
        }.items():
            plain, other = search(data, BOTH, SETTINGS, seed)
            gains[kind].append(other.mean - plain.mean)
    assert min(gains["scanner"]) > 0.0
    assert max(gains["patients"]) < -0.03


def test_the_usual_rule_takes_doing_nothing_unless_harmonising_earns_its_place() -> None:
    hurt = search(two_sites(0, 160, 0.0, 1.0), BOTH, SETTINGS, 0)
    alike = search(two_sites(0, 160, 0.0, 0.0), BOTH, SETTINGS, 0)
    assert choose(hurt, "auroc").candidate.rung is PLAIN
    assert choose(alike, "auroc").candidate.rung is PLAIN


def test_a_new_site_enters_by_unlabelled_cases_and_its_risks_come_right() -> None:
    data = two_sites(3, 300, 2.0, 0.0)
    procedure = fit_procedure(data, BOTH, SETTINGS, 3)
    rng = np.random.default_rng(9)
    pure = rng.normal(size=(200, len(NAMES)))
    new = frame_of(pure + 3.0 * rng.choice([-1, 1], len(NAMES)), ["new"] * 200)
    truth = procedure.rungs[1].predict(frame_of(pure, ["a"] * 200)).risk[:, 0].mean()
    off = [
        abs(float(p.rungs[1].predict(new.iloc[40:]).risk[:, 0].mean()) - truth)
        for p in (procedure, procedure.entered({"new": new.iloc[:40]}))
    ]
    assert off[1] < 0.12
    assert procedure.entered({"a": new.iloc[:40]}).rungs[1].preprocessor == procedure.rungs[1].preprocessor
