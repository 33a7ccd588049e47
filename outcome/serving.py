"""A frozen bundle at work: all that a stage, the dashboard or another program needs to turn cases into risks."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import Bundle, read_bundle
from outcome.cases import Plane, planes, process_case, read_case_mask
from outcome.dictionary import DataDictionary, Variable, VariableKind
from outcome.errors import DataRefusal
from outcome.features.blocks import join_blocks
from outcome.features.columns import FeatureColumn, columns_from_json
from outcome.store import StudyStore, read_json
from outcome.training.unit import TrainedUnit
from outcome.types import PREDICTION_COLUMNS, CaseInput, Level, Recipe

_UNSET = ("partition", "source")


class RiskModel:
    """A verified bundle as a model. Everything it does is fixed by the bundle; nothing is learned here."""

    def __init__(self, bundle: Bundle) -> None:
        self.id = bundle.id
        self.facts: Mapping[str, Any] = bundle.facts
        self._bundle = bundle

    @classmethod
    def load(cls, folder: Path) -> RiskModel:
        """The model in a bundle's folder. Raises BundleRefusal where a byte is not as it was written."""
        return cls(read_bundle(folder))

    @cached_property
    def units(self) -> dict[str, TrainedUnit]:
        """Every trained unit by `<endpoint>.<inputs>`, those without a model (too few events) included."""
        names = sorted({name.split("/")[1] for name in self._bundle.files if name.startswith("estimators/")})
        return {name: TrainedUnit.from_files(self._bundle.under(f"estimators/{name}")) for name in names}

    @cached_property
    def columns(self) -> tuple[FeatureColumn, ...]:
        return columns_from_json(self._bundle.json("columns.json"))

    @cached_property
    def recipe(self) -> Recipe | None:
        data = self._bundle.json("recipe.json")
        return Recipe.from_json(data) if data else None

    @cached_property
    def dictionary(self) -> DataDictionary:
        text = self._bundle.files["dictionary.csv"].decode()
        return DataDictionary.read(io.StringIO(text), "the bundle's dictionary.csv")

    def predict_frame(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predictions of every unit for cases in feature form (index case_id), without partition and source.

        A column the bundle knows and the frame lacks is taken as missing for every case.
        """
        frame = features.reindex(columns=[column.name for column in self.columns])
        tables = [unit.predict(frame) for unit in self.units.values() if not unit.skipped and len(frame)]
        names = [name for name in PREDICTION_COLUMNS if name not in _UNSET]
        return pd.concat(tables, ignore_index=True)[names] if tables else pd.DataFrame(columns=names)

    def predict(self, case: CaseInput, record: Mapping[str, Any]) -> pd.DataFrame:
        """One case from its files and its coded record (variable: value) to its risks.

        Raises DataRefusal where the record names a variable the dictionary does not know or a value it does not
        allow, or the mask is refused.
        """
        unknown = sorted(set(record) - set(self.dictionary.names))
        if unknown:
            raise DataRefusal(
                f"the record names unknown variables: {', '.join(unknown[:5])}",
                expected="variables of the bundle's dictionary",
                next_step="`outcome bundle inspect` and dictionary.csv say which there are",
            )
        _refuse_uncoded(self.dictionary, record)
        variables = pd.DataFrame([{name: record.get(name) for name in self.dictionary.names}], index=[case.case_id])
        measured = _measured(case, self.recipe) if self.recipe and case.mask else {}
        radiomics = pd.DataFrame([measured], index=[case.case_id], dtype=float)
        frame, _ = join_blocks(variables.rename_axis("case_id"), self.dictionary, radiomics)
        return self.predict_frame(frame)


def _refuse_uncoded(dictionary: DataDictionary, record: Mapping[str, Any]) -> None:
    """A code the dictionary does not name, text for a number or an impossible number would pass for a healthy value."""
    wrong = [name for name, value in record.items() if not _allowed(dictionary[name], value)]
    if wrong:
        raise DataRefusal(
            f"the record holds values that cannot be: {', '.join(wrong[:5])}",
            expected="; ".join(_words(dictionary[name]) for name in wrong[:5]),
            next_step="code the record by the bundle's dictionary.csv; leave out what is not known",
        )


def _allowed(variable: Variable, value: Any) -> bool:
    if value is None or value != value:
        return True
    if variable.kind is VariableKind.CATEGORICAL:
        return value in variable.codes
    if variable.kind is VariableKind.BOOLEAN:
        return isinstance(value, Real) and value in (0, 1)
    if variable.kind is not VariableKind.NUMERIC:
        return True
    limits = variable.hard_range
    low, high = (-math.inf if limits.low is None else limits.low), (math.inf if limits.high is None else limits.high)
    return isinstance(value, Real) and math.isfinite(value) and low <= float(value) <= high


def _words(variable: Variable) -> str:
    if variable.kind is VariableKind.CATEGORICAL:
        return f"{variable.name} one of {', '.join(variable.codes)}"
    if variable.kind is VariableKind.BOOLEAN:
        return f"{variable.name} 0 or 1"
    limits = variable.hard_range
    ends = [f"{word} {end:g}" for word, end in (("at least", limits.low), ("at most", limits.high)) if end is not None]
    return " ".join([variable.name, "a number", *ends])


def _measured(case: CaseInput, recipe: Recipe) -> Mapping[str, float]:
    """The case's measurements. A refused mask refuses the case: a risk without it would pass for one with it."""
    result = process_case(case, recipe)
    reasons = [finding.message for finding in result.findings if finding.level is Level.REJECT]
    if reasons:
        raise DataRefusal(
            f"the mask of case {case.case_id} is refused",
            found="; ".join(reasons),
            next_step="correct the mask, or hand the case over without one",
        )
    return result.features


def case_planes(store: Path, study: str, case_id: str, region: str | None = None) -> list[Plane]:
    """Axial, coronal and sagittal planes of a case in a store, in radiological orientation, through a region.

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
    return list(planes(_image_path(place, case_id, recipe), mask, region=region))


def _image_path(place: StudyStore, case_id: str, recipe: Recipe) -> Path | None:
    name = read_json(place.stage("cohort") / "inputs.json")[case_id]["images"].get(recipe.mask_on)
    path = Path(read_json(place.stage("cohort") / "run.log.json")["study_root"]) / name if name else None
    return path if path is not None and path.exists() else None
