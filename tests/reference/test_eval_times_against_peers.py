"""Rankings and Brier scores of censored times beside scikit-survival and torchsurv, where the definitions agree.

Times are drawn from a continuum, so that no rule for ties enters, and every package weights by the censoring of the
cases evaluated.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lifelines import KaplanMeierFitter
from sksurv.metrics import brier_score, concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

from outcome.evaluation.discrimination.concordance import harrell_c
from outcome.evaluation.discrimination.concordance_ipcw import uno_c
from outcome.evaluation.overall.survival import auc_t, brier_t
from outcome.types import FloatArray
from segmentation.torchvision_cure import cure_torchvision

HORIZON, TAU = 300.0, 600.0
TOLERANCE, SINGLE = 1e-9, 1e-7
Timed = tuple[FloatArray, FloatArray, FloatArray]


@pytest.fixture(params=range(5), ids=lambda seed: f"seed {seed}")
def times(request: pytest.FixtureRequest) -> Timed:
    """Times, events (1) or censoring (0), and risks by the horizon; a third are lost."""
    rng = np.random.default_rng(request.param)
    n = 400
    hazard = np.exp(rng.normal(-6.2, 0.8, n))
    until, lost = rng.exponential(1 / hazard), rng.uniform(50, 1500, n)
    risk = 1 - np.exp(-HORIZON * hazard * np.exp(rng.normal(0, 0.5, n)))
    return np.minimum(until, lost), (until <= lost).astype(float), risk


def test_rankings_of_scikit_survival(times: Timed) -> None:
    time, event, risk = times
    surv = Surv.from_arrays(event == 1, time)
    assert harrell_c(time, event, risk) == pytest.approx(
        concordance_index_censored(event == 1, time, risk)[0], abs=TOLERANCE
    )
    theirs = concordance_index_ipcw(surv, surv, risk, tau=TAU)[0]
    assert uno_c(time, event, risk, tau_days=TAU) == pytest.approx(theirs, abs=TOLERANCE)
    theirs = cumulative_dynamic_auc(surv, surv, risk, [HORIZON])[0][0]
    assert auc_t(time, event, risk, HORIZON) == pytest.approx(theirs, abs=TOLERANCE)


def test_brier_score_of_scikit_survival(times: Timed) -> None:
    time, event, risk = times
    surv = Surv.from_arrays(event == 1, time)
    theirs = brier_score(surv, surv, (1 - risk)[:, None], [HORIZON])[1][0]
    assert brier_t(time, event, risk, HORIZON) == pytest.approx(theirs, abs=TOLERANCE)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_numbers_of_torchsurv(times: Timed) -> None:
    cure_torchvision()  # torchsurv imports torchvision, which does not always fit torch
    from torchsurv.metrics.auc import Auc
    from torchsurv.metrics.brier_score import BrierScore
    from torchsurv.metrics.cindex import ConcordanceIndex

    time, event, risk = times
    happened, when, score = torch.tensor(event == 1), torch.tensor(time), torch.tensor(risk)
    at = torch.tensor([HORIZON], dtype=torch.float64)
    # Its own weights are of single precision, so they are handed over; the last case weighs nothing where G is 0.
    kept = KaplanMeierFitter().fit(time, 1 - event)
    weight = torch.tensor(1 / kept.predict(np.minimum(time, TAU)).to_numpy())
    weight_at = torch.tensor([1 / kept.predict(HORIZON)])
    ours = harrell_c(time, event, risk)
    assert ours == pytest.approx(float(ConcordanceIndex()(score, happened, when)), abs=TOLERANCE)
    theirs = Auc()(score, happened, when, new_time=at, weight=weight, weight_new_time=weight_at)
    assert auc_t(time, event, risk, HORIZON) == pytest.approx(float(theirs), abs=SINGLE)  # sums in single precision
    theirs = BrierScore()(1 - score[:, None], happened, when, new_time=at, weight=weight, weight_new_time=weight_at)
    assert brier_t(time, event, risk, HORIZON) == pytest.approx(float(theirs), abs=TOLERANCE)
