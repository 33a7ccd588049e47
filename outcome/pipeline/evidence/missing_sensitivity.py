"""Does the model do worse where inputs are missing? The same numbers among cases with everything, and with gaps.

Cases with gaps are other cases too, so a difference shows where to look, not what the gaps do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.evaluation.kinds import KINDS
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.evaluation.subgroups.groups import subgroup_rows
from outcome.evaluation.summary import measure
from outcome.features.columns import FeatureColumn
from outcome.pipeline.evidence.reference import features_of
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import BoolArray, Estimate

CALIBRATION = ("oe_ratio", "slope", "oe_ratio_t", "slope_t", "bias")
WORDS = (
    "Missing means: no value in a column that the model reads. Cases with gaps may be other patients too, so a "
    "difference shows where to look and not what the gaps do"
)
COMPLETE, GAPS = "every predictor present", "some predictor missing"


def missing_sensitivity(model: ModelCases) -> dict[str, Any]:
    """Primary metric and calibration with and without gaps, and by the number of blocks missing; {} without gaps."""
    procedure = model.unit.procedure
    if procedure is None:
        return {}
    labels = _labels(model, procedure.chosen.preprocessor.columns)
    labels = {name: values for name, values in labels.items() if len(set(values)) > 1}
    if not labels:
        return {}
    return {"rows": rows_by(model, labels), "words": WORDS}


def rows_by(model: ModelCases, labels: Mapping[str, npt.NDArray[np.object_]]) -> list[dict[str, Any]]:
    """Primary metric and calibration of each group of cases; `labels` (n,) by variable. Small groups are hidden."""
    target = model.target
    sample = checked_sample(target, model.chosen.first_risk, model.chosen.score, _settings(model))
    known = {name: values[target.known] for name, values in labels.items()}
    names = _names(sample)
    rows = subgroup_rows(known, _events(sample), lambda rows: _numbers(sample.take(rows), names), names)
    return [_row(row) for row in rows]


def _settings(model: ModelCases) -> Settings:
    return Settings(model.chosen.horizon, curve_errors=False)


def _labels(model: ModelCases, columns: tuple[FeatureColumn, ...]) -> dict[str, npt.NDArray[np.object_]]:
    absent = features_of(model.cases.partition)[[column.name for column in columns]].isna()
    blocks = np.array([column.block for column in columns])
    lacking = sum(absent.loc[:, blocks == block].all(axis=1).astype(int) for block in sorted(set(blocks)))
    gaps = np.where(absent.any(axis=1), GAPS, COMPLETE).astype(object)
    counted = np.array([_blocks_words(int(count)) for count in np.asarray(lacking)], dtype=object)
    return {"completeness": gaps, "blocks": counted}


def _blocks_words(count: int) -> str:
    return "no block missing" if count == 0 else f"{count} block{'s' if count > 1 else ''} missing"


def _events(sample: Sample) -> BoolArray | None:
    if sample.target.n_events is None:
        return None
    return np.asarray((sample.target.value == 1) | (sample.target.event == 1))


def _names(sample: Sample) -> tuple[str, ...]:
    kind = KINDS[sample.target.kind]
    return tuple(name for name in kind.names(sample) if name in (kind.primary, *CALIBRATION))


def _numbers(sample: Sample, names: Sequence[str]) -> Mapping[str, Estimate]:
    found = measure(sample)
    return {name: found[name] for name in names}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {name: estimate.to_json() for name, estimate in row["metrics"].items()}
    return {"group": row["group"], "n": row["n"], "n_events": row["n_events"], "metrics": metrics}
