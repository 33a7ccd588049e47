"""The smallest bundle that has one of everything: two endpoints; linear, forest, boosted, Cox; a file of weights.

Fitted to sixty made-up cases without search or folds, so that it is there in a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save

from outcome.bundle import write_bundle
from outcome.bundle.libraries import FACT, recorded_libraries
from outcome.config import study_from_resolved
from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind
from outcome.features.columns import FeatureColumn, columns_to_json
from outcome.features.preprocess import Preprocessor, Rules, fit_preprocessor
from outcome.models.registry import fit_model
from outcome.store import canonical_json
from outcome.training.calibration import fit_calibrator
from outcome.training.ensemble import Ensemble, Member
from outcome.training.procedure import FittedProcedure, RungFit
from outcome.training.rungs import Rung
from outcome.training.threshold import Threshold
from outcome.training.unit import TrainedUnit
from outcome.training.unit_tables import UNIT_COLUMNS, empty_table
from outcome.types import EndpointKind, InputSet, Target

BOOSTED, COX = "estimators/died.preoperative", "estimators/relapse.preoperative"
COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative", label="Age", unit="years"),
    FeatureColumn("clinical:smoker", "clinical", "boolean", "preoperative", label="Smoker"),
)
STUDY: dict[str, Any] = {
    "schema_version": 1,
    "name": "tiny",
    "title": "Sixty made-up cases",
    "dictionary": "dictionary.csv",
    "table": {"format": "csv", "path": "table.csv"},
    "case_id": "case_id",
    "endpoints": {
        "died": {"kind": "binary", "event": {"variable": "died", "at_least": 1}},
        "relapse": {
            "kind": "time_to_event",
            "time": "days",
            "event": {"variable": "relapsed", "at_least": 1},
            "horizons_days": [365],
        },  # fmt: skip,
    },
}


def tiny_files() -> dict[str, bytes]:
    """Every file by name, manifest aside."""
    study = study_from_resolved(STUDY)
    reference = {"n": 60, "features": {}, "blocks": {}, "endpoints": {}}
    files = {
        "config.json": canonical_json(study.resolved()),
        "columns.json": canonical_json(columns_to_json(COLUMNS)),
        "recipe.json": canonical_json(None),
        "ladder.json": canonical_json({}),
        "reference.json": canonical_json(reference),
        "development_cases.json": canonical_json({"salt": "00", "cases": []}),
        "dictionary.csv": _dictionary().to_csv().encode(),
        "MODEL_CARD.md": b"# Tiny\n",
        "weights.safetensors": save({"a": np.ones((2, 3), np.float32), "b": np.zeros(4, np.float32)}, {"about": "{}"}),
    }
    for unit in _units():
        files |= {f"estimators/{unit.endpoint}.preoperative/{name}": data for name, data in unit.files().items()}
    return files


def write_tiny(folder: Path) -> Path:
    """The bundle in a new folder, which is given back."""
    write_bundle(folder, tiny_files(), {"study": "tiny", FACT: recorded_libraries()})
    return folder


def _dictionary() -> DataDictionary:
    pre, after = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
    predictor, endpoint = frozenset({Role.PREDICTOR}), frozenset({Role.ENDPOINT})
    return DataDictionary(
        (
            Variable("case_id", VariableKind.TEXT, "Case", availability=pre, roles=frozenset({Role.IDENTIFIER})),
            Variable("age", VariableKind.NUMERIC, "Age", "years", availability=pre, roles=predictor),
            Variable("smoker", VariableKind.BOOLEAN, "Smoker", availability=pre, roles=predictor),
            Variable("died", VariableKind.BOOLEAN, "Died", availability=after, roles=endpoint),
            Variable("days", VariableKind.NUMERIC, "Days", "days", availability=after, roles=endpoint),
            Variable("relapsed", VariableKind.BOOLEAN, "Relapsed", availability=after, roles=endpoint),
        )
    )


def _units() -> list[TrainedUnit]:
    rng = np.random.default_rng(5)
    age, smoker = rng.normal(60, 9, 60), rng.integers(0, 2, 60).astype(float)
    frame = pd.DataFrame({"clinical:age": age, "clinical:smoker": smoker}, index=[f"c{i}" for i in range(60)])
    ill = (age + 9 * smoker + rng.normal(0, 9, 60) > 64).astype(float)
    days, none = np.round(rng.exponential(900 - 500 * ill)) + 1, np.full(60, np.nan)
    prepared = fit_preprocessor(frame, COLUMNS, Rules())
    died = Target("died", EndpointKind.BINARY, ill, none, none)
    relapse = Target("relapse", EndpointKind.TIME_TO_EVENT, none, days, (days < 700).astype(float))
    return [
        _unit(died, prepared, frame, ("logistic", "forest", "boosting"), ()),
        _unit(relapse, prepared, frame, ("cox", "forest"), (365.0,)),
    ]


PARAMS: dict[str, dict[str, Any]] = {
    "logistic": {"penalty": 0.1},
    "cox": {"penalty": 0.1},
    "forest": {"trees": 3, "min_leaf": 5, "feature_share": 1.0},
    "boosting": {"rounds": 3, "leaves": 4, "min_leaf": 10},
}


def _unit(
    target: Target, prepared: Preprocessor, frame: pd.DataFrame, algorithms: tuple[str, ...], days: tuple[float, ...]
) -> TrainedUnit:
    """Every rung fitted to all cases; the boosted one is the choice where there is one, else the first."""
    X, fits = prepared.transform(frame), []
    for place, name in enumerate(algorithms):
        model = fit_model(name, X, target, PARAMS[name], seed=1)
        rung = Rung(name, name, (PARAMS[name],), place, blocks=("clinical",))
        threshold = Threshold(0.5, "a half") if target.kind is EndpointKind.BINARY else None
        fits.append(RungFit(rung, PARAMS[name], prepared, model, fit_calibrator(target, model.score(X), 5), threshold))
    chosen = fits[-1] if algorithms[-1] == "boosting" else fits[0]
    rows = tuple({"rung": fit.rung.name} for fit in fits)
    told = chosen.information(frame)
    procedure = FittedProcedure(chosen, tuple(fits), "auroc", rows, "simplest", information=told)
    ensemble = Ensemble(tuple(Member(prepared, chosen.model, chosen.calibrator) for _ in range(2)))
    table = empty_table(UNIT_COLUMNS)
    return TrainedUnit(target.endpoint, target.kind, InputSet.PREOPERATIVE, days, table, {}, procedure, ensemble)
