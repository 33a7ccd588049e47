"""A model's cases without store or bundle files: outcomes and risks handed over, the rest as small as it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from outcome.pipeline.evidence.scene import CHOSEN, EndpointCases, ModelCases, PartitionCases, Predicted, Scene
from outcome.types import FloatArray, Target

ENDPOINT, INPUTS, PART = "complication", "preoperative", "elsewhere"
UNIT = f"{ENDPOINT}.{INPUTS}"


@dataclass(frozen=True)
class Told:
    """What the study file, the bundle and the record say; every part has a default."""

    study: Mapping[str, Any] = field(default_factory=dict)
    risks: Mapping[str, Any] = field(default_factory=dict)  # of the bundle's reference.json
    variables: Mapping[str, FloatArray] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    threshold: float | None = None
    relation: str = "external"
    favourable: bool = False
    unit: Any = None
    store: Any = None
    columns: Sequence[Any] = ()
    bundle_files: Sequence[str] = ()


def ids_of(n: int) -> list[str]:
    return [f"c{i:06d}" for i in range(n)]


def model_cases(target: Target, risk: FloatArray, told: Told, *, horizon: float | None = None,
                score: FloatArray | None = None) -> ModelCases:  # fmt: skip
    """One model's cases; the score is the log odds of the risk unless it is given."""
    ids = ids_of(len(target))
    procedure = SimpleNamespace(threshold=None if told.threshold is None else SimpleNamespace(value=told.threshold))
    unit = told.unit or SimpleNamespace(procedure=procedure)
    study = SimpleNamespace(**{
        "scores": (), "readers": (), "readers_are": "random", "comparator": None, "subgroups": (), "crossed": (),
        "training": SimpleNamespace(few_events=20),
        "endpoints": {ENDPOINT: SimpleNamespace(favourable=told.favourable, label="Complication")},
        "partitions": {PART: SimpleNamespace(relation=told.relation)},
        **told.study,
    })  # fmt: skip
    index = pd.Index(ids, name="case_id")
    labels = {}
    scene = Scene(
        run=SimpleNamespace(study=study, store=told.store),
        bundle=SimpleNamespace(
            json=lambda _: {"n": 500, **({"risks": {UNIT: told.risks}} if told.risks else {})}, files=told.bundle_files
        ),
        model=SimpleNamespace(units={UNIT: unit}, columns=told.columns),
        dictionary=_Labels(labels),
        cases=pd.DataFrame({"site": list(told.groups.get("site", ["here"] * len(ids)))}, index=index),
        endpoints=pd.DataFrame(),
        variables=pd.DataFrame(dict(told.variables), index=index),
        groups=pd.DataFrame({name: list(values) for name, values in told.groups.items()}, index=index),
    )
    rows = pd.DataFrame({"source": ["out_of_fold" if told.relation == "development" else "bundle"]})
    rows["horizon_days"] = np.nan
    part = PartitionCases(scene, PART, ids, rows)
    ranking = logit(np.clip(risk, 1e-9, 1 - 1e-9)) if score is None else score
    predicted = Predicted({horizon: np.asarray(risk, dtype=float)}, np.asarray(ranking, dtype=float))
    return ModelCases(EndpointCases(part, ENDPOINT, target, rows), INPUTS, {CHOSEN: predicted})


def drawn(n: int, seed: int, *, intercept: float = -1.0, sd: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Outcomes (n,) drawn from risks (n,) that are right."""
    rng = np.random.default_rng(seed)
    risk = expit(rng.normal(intercept, sd, n))
    return (rng.random(n) < risk).astype(float), risk


class _Labels(dict):
    """Every variable is called by its own name."""

    def __missing__(self, name: str) -> Any:
        return SimpleNamespace(label=name, unit="")
