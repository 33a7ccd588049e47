"""A case that lies in a store: its planes, and what moved its estimate."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from outcome.cases import Upright, read_case_mask, upright_case
from outcome.errors import DataRefusal
from outcome.explain.unit import Explanation
from outcome.features.crops import Crops, open_crops
from outcome.recipe import CaseInput, Recipe
from outcome.serving.model import RiskModel
from outcome.store import StudyStore, read_json, read_parquet
from outcome.types import FloatArray
from outcome.views import crop_places

ENTERED = "harmonised.json"  # beside predictions: which batches entered the harmonisation, by which cases


def case_view(store: Path, study: str, case_id: str, region: str | None = None) -> Upright:
    """A case in a store as it stands before the viewer, in radiological orientation, for planes anywhere.

    The image is read where the study's root still has it; without one the planes hold the outlines alone.
    Raises DataRefusal where the case has no mask.
    """
    place = StudyStore(store, study)
    segment = place.stage("segment")
    key = read_json(segment / "index.json").get(case_id)
    recipe_json = read_json(segment / "manifest.json")["config"]["recipe"]
    if key is None or recipe_json is None:
        raise DataRefusal("this case has no mask", next_step="see the segment stage: `outcome status STORE`")
    recipe = Recipe.from_json(recipe_json)
    mask = read_case_mask(segment / "cases" / f"{key}.nii.gz", recipe)
    return upright_case(_image_path(place, case_id, recipe), mask, region=region)


def _image_path(place: StudyStore, case_id: str, recipe: Recipe) -> Path | None:
    name = read_json(place.stage("cohort") / "inputs.json")[case_id]["images"].get(recipe.mask_on)
    path = Path(read_json(place.stage("cohort") / "run.log.json")["study_root"]) / name if name else None
    return path if path is not None and path.exists() else None


def as_entered(model: RiskModel, place: StudyStore) -> RiskModel:
    """The model as it predicted a store's cases: with the batches that entered its harmonisation there, if any."""
    path = place.stage("predict", model.id) / ENTERED
    entered = read_json(path)["entered"] if path.exists() else {}
    if not entered:
        return model
    features = read_parquet(place.stage("features") / "features.parquet").astype({"case_id": str}).set_index("case_id")
    return model.entered({batch: features.loc[entry["case_ids"]] for batch, entry in entered.items()})


def case_explanation(
    model: RiskModel, store: Path, study: str, case_id: str, endpoint: str, inputs: str
) -> Explanation:
    """What moved the estimate of a case in a store. Raises DataRefusal where the case has no features."""
    place = StudyStore(store, study)
    row, crops = stored_case(place, case_id)
    model = as_entered(model, place)
    return model.explain(row, endpoint, inputs, crops=crops, places=_crop_places(place, case_id, model.recipe))


def stored_case(place: StudyStore, case_id: str) -> tuple[pd.DataFrame, Crops]:
    """A case of a store in feature form (index case_id), and its crops. Raises DataRefusal where it has no features."""
    features = read_parquet(place.stage("features") / "features.parquet").astype({"case_id": str})
    row = features[features["case_id"] == case_id].set_index("case_id")
    if row.empty:
        raise DataRefusal("no features were computed for this case", next_step="outcome features STUDY.yaml")
    return row, open_crops(place.stage("features")).load([case_id])


def _crop_places(place: StudyStore, case_id: str, recipe: Recipe | None) -> dict[str, FloatArray]:
    """Where the case's crops lie; empty where nothing was cut."""
    keys = place.stage("segment") / "index.json"
    if recipe is None or recipe.crop is None or case_id not in (read_json(keys) if keys.exists() else {}):
        return {}
    mask = read_case_mask(place.stage("segment") / "cases" / f"{read_json(keys)[case_id]}.nii.gz", recipe)
    root = Path(read_json(place.stage("cohort") / "run.log.json")["study_root"])
    others = read_json(place.stage("cohort") / "inputs.json")[case_id].get("masks") or {}
    masks = {name: root / path for name, path in others.items() if path}
    return crop_places(CaseInput(case_id, masks=masks), mask, recipe)
