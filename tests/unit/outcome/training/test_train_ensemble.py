"""Resampling draws patients, not rows; the ensemble survives its state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from outcome.features.columns import FeatureColumn
from outcome.training.data import TrainingData
from outcome.training.ensemble import Ensemble, refit_ensemble, resample_patients
from outcome.training.procedure import fit_procedure
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.types import Target

COLUMN = FeatureColumn("clinical:x", "clinical", "numeric", "preoperative")
RUNG = Rung("x", "logistic", ({"penalty": 0.01},), 0, ("clinical",))


def data_of(n: int) -> TrainingData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"clinical:x": x}, index=[f"c{i}" for i in range(n)])
    patients = np.array([f"p{i // 3}" for i in range(n)])
    return TrainingData(frame, (COLUMN,), Target.binary("e", (x + rng.logistic(size=n) > 0).astype(float)), patients)


def test_patients_come_whole_and_as_many_as_there_are() -> None:
    data = data_of(60)
    rows = resample_patients(data, np.random.default_rng(1))
    drawn, counts = np.unique(data.patients[rows], return_counts=True)
    assert len(rows) == 60  # equal patients here
    assert np.all(counts % 3 == 0)
    assert 5 < len(drawn) < 20


def test_more_patients_mean_steadier_refits() -> None:
    # ten times the patients: a spread smaller by about the root of ten (before calibration, which may shrink both)
    settings = TrainingSettings(bootstraps=30)
    spreads = []
    for n in (60, 600):
        data = data_of(n)
        ensemble = refit_ensemble(fit_procedure(data, [RUNG], settings, 1), data, settings, 2)
        new = pd.DataFrame({"clinical:x": [0.5]})
        scores = [member.model.score(member.preprocessor.transform(new))[0] for member in ensemble.members]
        spreads.append(float(np.std(scores)))
    assert 0.15 < spreads[1] / spreads[0] < 0.6


def test_members_differ_in_every_part_and_survive_their_state() -> None:
    data = data_of(90)
    settings = TrainingSettings(bootstraps=5)
    procedure = fit_procedure(data, [RUNG], settings, 1)
    ensemble = refit_ensemble(procedure, data, settings, 2)
    assert len({member.calibrator.intercept for member in ensemble.members}) == 5
    assert len({member.preprocessor.outputs[0].mean for member in ensemble.members}) == 5
    again = Ensemble.from_state(ensemble.to_state())
    new = data.frame.iloc[:4]
    assert again.risks(new).tobytes() == ensemble.risks(new).tobytes()
    assert ensemble.risks(new).shape == (5, 4, 1)


def test_a_model_that_ranks_nothing_has_the_interval_of_the_event_share() -> None:
    rng = np.random.default_rng(5)
    data = data_of(240)
    noise = replace(data, target=Target.binary("e", (rng.random(240) < 0.3).astype(float)))
    settings = TrainingSettings(bootstraps=80)
    procedure = fit_procedure(noise, [RUNG], settings, 1)
    flat = replace(procedure, inner_scores=np.zeros(240))
    ensemble = refit_ensemble(flat, noise, settings, 2)
    still = [member.calibrator.risk(np.zeros(1))[0, 0] for member in ensemble.members]
    share = float(noise.target.value.mean())
    by_patients = np.sqrt(share * (1 - share) / 240)  # outcomes are independent of the patient here
    assert 0.6 < np.std(still) / by_patients < 1.5


def test_survival_refits_keep_their_baselines() -> None:
    rng = np.random.default_rng(6)
    data = data_of(150)
    x = data.frame["clinical:x"].to_numpy()
    times = rng.exponential(1000 * np.exp(-x))
    target = Target.survival("death", np.minimum(times, 1500), (times < 1500).astype(float))
    settings = TrainingSettings(bootstraps=4)
    rung = Rung("x", "cox", ({"penalty": 0.01},), 0, ("clinical",))
    data = replace(data, target=target)
    ensemble = refit_ensemble(fit_procedure(data, [rung], settings, 1), data, settings, 2)
    again = Ensemble.from_state(ensemble.to_state())
    new = data.frame.iloc[:5]
    risks = ensemble.risks(new, (365.0, 1000.0))
    assert risks.tobytes() == again.risks(new, (365.0, 1000.0)).tobytes()
    assert np.all(risks[:, :, 0] <= risks[:, :, 1])
    assert np.ptp(risks[:, 0, 0]) > 0


def test_without_refits_there_is_no_interval() -> None:
    data = data_of(60)
    settings = TrainingSettings(bootstraps=0)
    procedure = fit_procedure(data, [RUNG], settings, 1)
    ensemble = Ensemble.from_state(refit_ensemble(procedure, data, settings, 2).to_state())
    low, high = ensemble.interval(data.frame, procedure.predict(data.frame).risk)
    assert np.isnan(low).all()
    assert np.isnan(high).all()
