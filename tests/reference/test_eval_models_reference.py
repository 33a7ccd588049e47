"""Published coefficients of our unpenalised fits, and the published optimism of a logistic model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation.calibration.indices import logistic_fit
from outcome.evaluation.discrimination.concordance import harrell_c
from outcome.evaluation.discrimination.roc import auroc
from outcome.evaluation.overall.binary import scaled_brier
from outcome.evaluation.planning.optimism import optimism_corrected
from outcome.evaluation.times.cox import cox_fit
from outcome.types import FloatArray
from tests.reference.test_eval_reference import read_residual_mass, rotterdam

pytestmark = pytest.mark.real


def test_a09_optimism_of_a_logistic_model(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = read_residual_mass(tables / "testicular_rdata.csv")
    y = frame.tum_res.to_numpy()
    columns = frame[["ter_pos", "preafp", "prehcg", "sqpost", "reduc10"]].to_numpy(dtype=float)
    design = np.column_stack([np.ones(len(y)), columns])

    def learn(rows: np.ndarray) -> FloatArray:
        fitted = logistic_fit(design[rows], y[rows])
        assert fitted is not None
        return np.asarray(1 / (1 + np.exp(-design @ fitted[0])))

    found = optimism_corrected(
        learn,
        {"C": lambda rows, risk: auroc(y[rows], risk), "IPA": lambda rows, risk: scaled_brier(y[rows], risk)},
        len(y),
        seed=1,
    )
    expected, tol = values["A09"]["expected"], values["A09"]["tol"]
    assert found["C"].value == pytest.approx(expected["C"], abs=tol)
    assert found["IPA"].value == pytest.approx(expected["scaledBrier"], abs=tol)
    assert found["C"].optimism > 0.003


def test_a12_cox_model_of_the_validation_papers(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = rotterdam(tables)
    columns = frame[["mid", "large", "grade3", "nodes", "bend"]].to_numpy(dtype=float)
    fitted = cox_fit(frame.years.to_numpy(), frame.event.to_numpy(), columns)
    assert fitted is not None
    assert fitted.beta == pytest.approx(list(values["A12"]["expected"].values()), abs=values["A12"]["tol"])


def test_a27_rossi(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(tables / "rossi.csv")
    names = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    columns, week = frame[names].to_numpy(dtype=float), frame.week.to_numpy(dtype=float)
    arrest = frame.arrest.to_numpy(dtype=float)
    fitted = cox_fit(week, arrest, columns)
    assert fitted is not None
    expected, tol = values["A27"]["expected"], values["A27"]["tol"]
    for name in ("fin", "age", "prio"):
        assert fitted.beta[names.index(name)] == pytest.approx(expected[name], abs=tol)
    assert fitted.log_likelihood == pytest.approx(expected["ll"], abs=tol)
    assert harrell_c(week, arrest, columns @ fitted.beta) == pytest.approx(expected["C"], abs=tol)
