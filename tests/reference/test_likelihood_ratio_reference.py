"""Likelihood-ratio statistics as published by rms and lifelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation.comparison.likelihood_ratio import likelihood_ratio
from outcome.training.unpenalised import log_likelihood
from outcome.types import FloatArray, Target


def against_nothing(X: FloatArray, target: Target) -> float:
    return likelihood_ratio(log_likelihood(X[:, :0], target), log_likelihood(X, target), X.shape[1]).statistic


def test_a06_residual_testicular_tumour(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(tables / "testicular_rdata.csv")
    marks = [(frame[name] == "Yes").astype(float) for name in ("ter_pos", "preafp", "prehcg")]
    X = np.column_stack([*marks, frame.sqpost, frame.reduc10])
    statistic = against_nothing(X, Target.binary("e", frame.tum_res.to_numpy(dtype=float)))
    assert statistic == pytest.approx(values["A06"]["expected"]["LRchi2"], abs=values["A06"]["tol"])


def test_a27_rossi_arrests(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(tables / "rossi.csv")
    X = frame[["fin", "age", "race", "wexp", "mar", "paro", "prio"]].to_numpy(dtype=float)
    target = Target.survival("e", frame.week.to_numpy(dtype=float), frame.arrest.to_numpy(dtype=float))
    expected, tol = values["A27"]["expected"], values["A27"]["tol"]
    assert against_nothing(X, target) == pytest.approx(expected["LR"], abs=2 * tol)
    assert log_likelihood(X, target) == pytest.approx(expected["ll"], abs=tol)
