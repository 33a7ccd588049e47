"""Fine-Gray against published results of R's survival, mstate and cmprsk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.models.fine_gray import subdistribution_likelihood
from outcome.models.newton import minimise
from outcome.types import Target


def test_recurrence_of_breast_cancer(tables: Path) -> None:
    """survival-lumc/ValidationCompRisks@01a7ebc, Development_SDH.md: the three packages agree to these four digits."""
    frame = pd.read_csv(tables / "cr_rdata.csv")
    columns = (frame.age, frame["size"], frame.ncat == "positive", frame.hr_status == "ER-/PR-")
    X = np.column_stack(columns).astype(float)
    target = Target.survival("recurrence", frame.time.to_numpy(), frame.status_num.to_numpy())
    likelihood = subdistribution_likelihood(X - X.mean(axis=0), target)
    b = minimise(likelihood, np.zeros(4), 0.0, 0.0)
    n = len(frame)
    assert b == pytest.approx([0.0002, 0.2044, 0.4532, 0.5860], abs=5e-5)
    errors = np.sqrt(np.diag(np.linalg.inv(likelihood.derivatives(b)[1] * n)))
    assert errors == pytest.approx([0.0122, 0.0576, 0.1784, 0.1927], abs=6e-5)
    assert 2 * n * likelihood.loss(b) + 2 * 4 == pytest.approx(1819.695, abs=5e-4)
    assert 2 * n * (likelihood.loss(np.zeros(4)) - likelihood.loss(b)) == pytest.approx(34.31, abs=5e-3)
