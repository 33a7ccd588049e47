"""Whom the evaluation speaks of: a study's cases, those of one partition, of one endpoint, and of one model of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.bundle import Bundle
from outcome.dictionary import DataDictionary
from outcome.pipeline.stage import Run
from outcome.serving import RiskModel
from outcome.store import read_parquet
from outcome.training.unit import TrainedUnit
from outcome.types import DETAIL_COLUMNS, FOLD_COLUMNS, INFORMATION_COLUMNS, FloatArray, Target

CHOSEN = "chosen"


@dataclass(frozen=True, eq=False)
class Scene:
    """What all measurements of a study share; frames have the index case_id."""

    run: Run
    bundle: Bundle
    model: RiskModel
    dictionary: DataDictionary
    cases: pd.DataFrame
    endpoints: pd.DataFrame  # as the cohort stage filed them, one row a case and endpoint
    variables: pd.DataFrame
    groups: pd.DataFrame  # one column a subgroup variable

    @cached_property
    def features(self) -> pd.DataFrame:
        """Every case's features, as the features stage filed them: row by row, nothing fitted."""
        return read_parquet(self.run.store.stage("features") / "features.parquet").set_index("case_id")

    @cached_property
    def outer_folds(self) -> pd.DataFrame:
        """Which outer fold held each development case (FOLD_COLUMNS); no row where training told none."""
        path = self.run.store.stage("train") / "folds.parquet"
        return read_parquet(path) if path.exists() else pd.DataFrame(columns=list(FOLD_COLUMNS))


@dataclass(frozen=True, eq=False)
class PartitionCases:
    """One partition's cases, sorted."""

    scene: Scene
    name: str
    ids: list[str]
    predictions: pd.DataFrame  # rows of these cases (docs/store.md)
    details: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(DETAIL_COLUMNS)))  # likewise
    information: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(INFORMATION_COLUMNS)))

    @property
    def is_development(self) -> bool:
        """Whether the model was learned from these cases, so that their predictions are out-of-fold."""
        return self.scene.run.study.partitions[self.name].relation == "development"

    @property
    def sites(self) -> npt.NDArray[np.object_]:
        """Each case's site, (n,)."""
        return self.scene.cases.loc[self.ids, "site"].to_numpy(dtype=object)


@dataclass(frozen=True, eq=False)
class EndpointCases:
    """One endpoint of a partition: what happened to its cases, in their order."""

    partition: PartitionCases
    name: str
    target: Target
    rows: pd.DataFrame  # predictions of this endpoint

    @property
    def scene(self) -> Scene:
        return self.partition.scene

    @property
    def ids(self) -> list[str]:
        return self.partition.ids

    @property
    def endpoint(self) -> Any:
        """The endpoint as the study defines it."""
        return self.scene.run.study.endpoints[self.name]

    @cached_property
    def horizons(self) -> list[float]:
        return sorted(self.rows["horizon_days"].dropna().unique())

    @cached_property
    def groups(self) -> dict[str, npt.NDArray[np.object_]]:
        """Each subgroup variable's labels of these cases."""
        labels = self.scene.groups.loc[self.ids]
        return {str(name): column.to_numpy(dtype=object) for name, column in labels.items()}


@dataclass(frozen=True, eq=False)
class Predicted:
    """One rung's predictions for an endpoint's cases, in their order: risk by horizon, and the ranking score."""

    risk: Mapping[float | None, FloatArray]
    score: FloatArray

    @classmethod
    def of(cls, rows: pd.DataFrame, ids: list[str], horizons: list[float]) -> Predicted:
        by_horizon: dict[float | None, pd.DataFrame] = {day: rows[rows["horizon_days"] == day] for day in horizons}
        by_horizon = by_horizon or {None: rows}
        risks = {
            day: table.set_index("case_id")["risk"].reindex(ids).to_numpy(dtype=float)
            for day, table in by_horizon.items()
        }
        first = next(iter(by_horizon.values())).set_index("case_id")
        return cls(risks, first["score"].reindex(ids).to_numpy(dtype=float))

    @property
    def horizon(self) -> float | None:
        """The first horizon, at which the endpoint is judged; None where it has none."""
        return next(iter(self.risk))

    @property
    def first_risk(self) -> FloatArray:
        """The risk by that horizon (or the predicted value), (n,)."""
        return self.risk[self.horizon]


@dataclass(frozen=True, eq=False)
class ModelCases:
    """One model of an endpoint (one set of inputs): what every rung predicted for its cases."""

    cases: EndpointCases
    inputs: str
    rungs: Mapping[str, Predicted]

    @property
    def scene(self) -> Scene:
        return self.cases.scene

    @property
    def target(self) -> Target:
        return self.cases.target

    @property
    def unit(self) -> TrainedUnit:
        """The bundle's model."""
        return self.scene.model.units[f"{self.cases.name}.{self.inputs}"]

    @property
    def chosen(self) -> Predicted:
        return self.rungs[CHOSEN]

    @property
    def threshold(self) -> float | None:
        """The bundle's decision threshold."""
        procedure = self.unit.procedure
        return procedure.threshold.value if procedure and procedure.threshold else None

    @property
    def details(self) -> pd.DataFrame:
        """What the chosen rung said of these cases beyond a risk (docs/store.md)."""
        rows = self.cases.partition.details
        return rows[(rows["endpoint"] == self.cases.name) & (rows["inputs"] == self.inputs)]

    @property
    def known_share(self) -> FloatArray:
        """(n,) how much of what the chosen rung reads is known of each case; NaN where that is not told."""
        return self._information.set_index("case_id")["known_share"].reindex(self.cases.ids).to_numpy(dtype=float)

    @property
    def lacking_blocks(self) -> frozenset[str]:
        """The cases told to lack a block that the chosen rung reads."""
        rows = self._information
        return frozenset(rows.loc[rows["blocks_missing"] != "", "case_id"])

    @property
    def _information(self) -> pd.DataFrame:
        rows = self.cases.partition.information
        return rows[(rows["endpoint"] == self.cases.name) & (rows["inputs"] == self.inputs)]

    def outer_folds(self, repeat: int = 1) -> FloatArray:
        """(n,) the outer fold that held each case in one partition into folds; NaN where that is not told."""
        rows = self.scene.outer_folds
        rows = rows[(rows["endpoint"] == self.cases.name) & (rows["inputs"] == self.inputs)]
        rows = rows[rows["repeat"] == repeat]
        return rows.set_index("case_id")["fold"].reindex(self.cases.ids).to_numpy(dtype=float)

    @property
    def is_out_of_fold(self) -> bool:
        return bool((self.cases.rows["source"] == "out_of_fold").any())


def models_of(cases: EndpointCases) -> list[ModelCases]:
    """Every model that predicted this endpoint, by its inputs."""
    found = []
    for inputs in sorted(cases.rows["inputs"].unique()):
        by_rung = cases.rows[cases.rows["inputs"] == inputs].groupby("rung", sort=False)
        rungs = {str(rung): Predicted.of(group, cases.ids, cases.horizons) for rung, group in by_rung}
        if CHOSEN in rungs:
            found.append(ModelCases(cases, inputs, rungs))
    return found
