"""Cases with a record, a measurement and a small crop whose brightness goes with the outcome: for tests of networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from outcome.features.columns import IMAGE, FeatureColumn
from outcome.features.crops import Crops
from outcome.training.data import TrainingData
from outcome.training.rungs import FUSION, Rung
from outcome.training.settings import NETWORK, NetworkSettings, TrainingSettings
from outcome.types import EndpointKind, Target

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
VOLUME = FeatureColumn("radiomics:tumor.morph_volume", "radiomics", "numeric", "preoperative")
MEAN = FeatureColumn("radiomics:tumor.stat_mean", "radiomics", "numeric", "preoperative")
CT = FeatureColumn("image:ct:crop", "image:ct", IMAGE, "preoperative")
COLUMNS = (AGE, VOLUME, MEAN, CT)
SIZE = (8, 8, 16)
TINY = NetworkSettings(epochs=2, batch=16, refits=2)
SETTINGS = TrainingSettings(
    outer_folds=2, inner_folds=2, bootstraps=2, min_events=5, families=("ridge", "fusion"), network=TINY
)
NETWORK_RUNG = Rung(FUSION, NETWORK, (TINY.params(),), 6, ("clinical", "radiomics", "image:ct"))


def image_cases(kind: EndpointKind = EndpointKind.BINARY, n: int = 48, seed: int = 0) -> TrainingData:
    """n cases of n / 2 patients; every seventh has no crop."""
    rng = np.random.default_rng(seed)
    bright, x = rng.normal(size=n), rng.normal(size=(n, 3))
    ids = [f"c{i:03d}" for i in range(n)]
    there = np.arange(n) % 7 != 3
    frame = pd.DataFrame(x, columns=[column.name for column in COLUMNS[:3]], index=pd.Index(ids, name="case_id"))
    frame[CT.name] = np.where(there, 1.0, np.nan)
    drive = 2 * bright + x[:, 0]
    if kind is EndpointKind.TIME_TO_EVENT:
        target = Target.survival("e", np.ceil(rng.exponential(300 * np.exp(-drive))), rng.choice([0, 1, 1, 2], n))
    elif kind is EndpointKind.BINARY:
        target = Target.binary("e", (drive + rng.logistic(size=n) > 0).astype(float))
    else:
        target = amount(kind, drive + rng.logistic(size=n))
    held = {case: {"ct": crop(rng, bright[i])} for i, case in enumerate(ids) if there[i]}
    return TrainingData(frame, COLUMNS, target, np.array([f"p{i // 2}" for i in range(n)]), Crops(held=held))


def amount(kind: EndpointKind, drive: np.ndarray) -> Target:
    """Grades 0, 1, 2 and 4; days, most of them few; or the drive itself, around 60."""
    empty = np.full(len(drive), np.nan)
    grades = np.array([0.0, 1.0, 2.0, 4.0])[np.digitize(drive, [-1.0, 1.0, 3.0])]
    values = {EndpointKind.ORDINAL: grades, EndpointKind.DURATION: np.ceil(np.exp(drive / 2))}
    return Target("e", kind, values.get(kind, 60 + 10 * drive), empty, empty)


def crop(rng: np.random.Generator, brightness: float) -> np.ndarray:
    """An image of this brightness and the mask of its middle."""
    mask = np.zeros(SIZE, dtype=np.float32)
    mask[2:6, 2:6, 2:6] = 1
    image = (0.3 * rng.normal(size=SIZE) + brightness * mask).astype(np.float16)
    return np.stack([image.astype(np.float32), mask])


def with_other_crops(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but the crops of those rows show something else."""
    rng = np.random.default_rng(99)
    other = set(data.frame.index[rows])
    held = {case: {"ct": crop(rng, 3.0)} if case in other else crops for case, crops in data.crops.held.items()}
    return replace(data, crops=Crops(held=held))
