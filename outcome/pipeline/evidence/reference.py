"""What the bundle tells of the cases it was learned from, and these cases' features beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from outcome.features.columns import BATCH, FeatureColumn
from outcome.pipeline.evidence.scene import PartitionCases, Scene
from outcome.store import read_parquet

UPDATES = "updates.json"


def reference_of(scene: Scene) -> dict[str, Any]:
    """The bundle's reference.json."""
    told: dict[str, Any] = scene.bundle.json("reference.json")
    return told


def told_of(scene: Scene, section: str) -> dict[str, Any]:
    """One section of the reference, or `withheld` where the bundle was made without it."""
    found: dict[str, Any] = reference_of(scene).get(section) or {
        "withheld": f"the bundle says nothing about {section} of its development cases: train it again"
    }
    return found


def told_of_unit(scene: Scene, section: str, unit: str) -> dict[str, Any]:
    """One unit's part of a section, or `withheld`: also where an update has changed the model since."""
    if UPDATES in scene.bundle.files:
        return {"withheld": "the bundle was recalibrated: what it tells of its development cases is the parent's"}
    found = told_of(scene, section)
    if "withheld" in found:
        return found
    return found.get(unit) or {"withheld": f"the bundle says nothing about {section} of this model"}


def columns_of(scene: Scene) -> tuple[FeatureColumn, ...]:
    """The bundle's columns, in its order; the batch is none of them, for no model reads it."""
    return tuple(column for column in scene.model.columns if column.kind != BATCH)


def features_of(cases: PartitionCases) -> pd.DataFrame:
    """These cases' features as the bundle names them (index case_id); a column they lack is missing in all."""
    path = cases.scene.run.store.stage("features") / "features.parquet"
    frame = read_parquet(path).astype({"case_id": str}).set_index("case_id")
    return frame.reindex(index=cases.ids, columns=[column.name for column in cases.scene.model.columns])
