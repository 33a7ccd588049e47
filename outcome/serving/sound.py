"""Whether all of a bundle can be used, before any case is read: parts that agree, and an answer for an empty case.

The hashes say that nothing changed since it was written; here it is seen that what was written makes sense together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outcome.bundle import Bundle, read_bundle
from outcome.bundle.folder import AGAIN
from outcome.bundle.signature import refuse_untrusted, trusted_fingerprints
from outcome.config import Study, study_from_resolved
from outcome.errors import BundleRefusal, OutcomeError
from outcome.explain.map_checks import told_checks
from outcome.features.columns import FeatureColumn
from outcome.features.crops import IMAGE_PREFIX, NO_CROPS
from outcome.serving.model import RiskModel
from outcome.training.data import read_inputs
from outcome.training.ensemble import Member
from outcome.training.procedure import RungFit
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind, FloatArray

REQUIRED = ("config.json", "dictionary.csv", "recipe.json", "columns.json", "ladder.json")
MOST_CELLS = 2**28  # numbers in one case's crops
_CHANCES = (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)


def admit(folder: Path, trusted: Sequence[Path] = ()) -> Bundle:
    """A bundle from elsewhere, all of it looked into. Raises BundleRefusal naming the file that cannot be used.

    With `trusted` (public keys in PEM) only a bundle that one of them signed is admitted; ConfigRefusal for no key.
    """
    fingerprints = trusted_fingerprints(trusted)
    bundle = read_bundle(folder)
    refuse_untrusted(bundle.signed_by, fingerprints)
    refuse_unsound(bundle)
    return bundle


def refuse_unsound(bundle: Bundle) -> None:
    """Raises BundleRefusal for the first part that cannot be read, or does not go with the others."""
    absent = [name for name in REQUIRED if name not in bundle.files]
    if absent:
        raise _refused(absent[0], "every part of a bundle", "no such file")
    model = RiskModel(bundle)
    with _reading("config.json"):
        study = study_from_resolved(bundle.json("config.json"))
    for name, part in PARTS.items():
        with _reading(name):
            part(model)
    empty = _empty_case(model.columns)
    for name in model.unit_names:
        with _reading(f"estimators/{name}"):
            _check_unit(name, model.unit(name), model, study)
            _check_answers(model.unit(name), empty)


def _check_columns(model: RiskModel) -> None:
    names = [column.name for column in model.columns]
    if len(set(names)) != len(names):
        raise ValueError("a column that stands twice")


def _check_recipe(model: RiskModel) -> None:
    crop = model.recipe.crop if model.recipe else None
    if crop is not None and np.prod([len(crop.sequences), *crop.size], dtype=float) > MOST_CELLS:
        raise ValueError(f"crops of {tuple(crop.size)} voxels of {len(crop.sequences)} images")
    _ = model.segmenter


def _check_reference(model: RiskModel) -> None:
    if not model.has_reference:
        return  # of an earlier version: what rests on it is withheld
    told = model.reference
    if type(told["n"]) is not int or told["n"] < 1 or not isinstance(told["features"], dict):
        raise ValueError("a population of nobody")


def _check_unit(name: str, unit: TrainedUnit, model: RiskModel, study: Study) -> None:
    """The unit is the one its folder names, for an endpoint of the study, and reads nothing that the bundle lacks."""
    if f"{unit.endpoint}.{unit.inputs.value}" != name:
        raise ValueError(f"the unit {unit.endpoint}.{unit.inputs.value}")
    kind = study.endpoints[unit.endpoint].kind if unit.endpoint in study.endpoints else None
    if kind is None or EndpointKind(kind) is not unit.kind:
        raise ValueError(f"a model of {unit.kind.value} for an endpoint that config.json calls {kind or 'nothing'}")
    told_checks(unit.ladder)
    known = {column.name: column for column in model.columns}
    for fit in unit.rungs:
        for column in fit.preprocessor.columns:
            if known.get(column.name) != column:
                raise ValueError(f"the column {column.name[:60]} is another one in columns.json, or none")
        if fit.model.kind is not unit.kind or fit.calibrator.kind is not unit.kind:
            raise ValueError(f"rung {fit.rung.name[:40]} is of another kind of endpoint")
        _check_images(getattr(fit.model.scorer, "design", None), model)


def _check_images(design: Any, model: RiskModel) -> None:
    """A network reads crops as the recipe cuts them."""
    crop = model.recipe.crop if model.recipe else None
    for block, shape in (design.images if design is not None else {}).items():
        cut = crop is not None and model.recipe is not None and block.removeprefix(IMAGE_PREFIX) in crop.sequences
        wanted = (1 + len(model.recipe.regions), *crop.size) if cut and model.recipe and crop else None
        if tuple(shape) != wanted:
            raise ValueError(f"a network of crops {tuple(shape)} of {block}, which the recipe cuts as {wanted}")


def _check_answers(unit: TrainedUnit, empty: pd.DataFrame) -> None:
    """A case of which nothing is known is told finite numbers by every rung, chances between 0 and 1."""
    fits: list[RungFit | Member] = [*unit.rungs, *(unit.ensemble.members[:1] if unit.ensemble else ())]
    with np.errstate(all="ignore"):
        risks = [fit.calibrator.risk(_score(fit, empty), unit.horizons_days) for fit in fits]
    chances = unit.kind in _CHANCES
    for risk in risks:
        if not np.isfinite(risk).all() or (chances and np.any((risk < 0) | (risk > 1))):
            raise ValueError("the answer for an empty case is no number, or no chance")


def _score(fit: RungFit | Member, frame: pd.DataFrame) -> FloatArray:
    return fit.model.score(read_inputs(fit.model.algorithm, fit.preprocessor, frame, NO_CROPS))


def _empty_case(columns: Sequence[FeatureColumn]) -> pd.DataFrame:
    """One case, nothing of it known."""
    made = {c.name: pd.Series([None], index=["nobody"], dtype=object if c.choices else float) for c in columns}
    return pd.DataFrame(made, index=pd.Index(["nobody"], name="case_id"))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Whatever keeps a part from being used is a refusal that names it."""
    try:
        yield
    except BundleRefusal as refusal:
        if name.rstrip("/") in refusal.message:
            raise
        found = refusal.found or refusal.message
        raise _refused(name, refusal.expected or "what training writes", found, refusal) from refusal
    except OutcomeError as refusal:
        found = " ".join(f"{refusal.message}: {refusal.found}".split())[:300]
        raise _refused(name, refusal.expected or "what training writes", found) from refusal
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        words = str(error).splitlines() or [""]
        raise _refused(name, "what training writes", f"{type(error).__name__}: {words[0]}"[:160]) from error


def _refused(name: str, expected: str, found: str, cause: OutcomeError | None = None) -> BundleRefusal:
    what = f": {cause.message}" if cause is not None else ""
    return BundleRefusal(
        f"the bundle's {name} cannot be used{what}", expected=expected, found=found,
        next_step=f"{AGAIN}; do not use this copy",
    )  # fmt: skip


PARTS: dict[str, Callable[[RiskModel], object]] = {
    "dictionary.csv": lambda model: model.dictionary,
    "columns.json": _check_columns,
    "recipe.json": _check_recipe,
    "reference.json": _check_reference,
    "config.json": lambda model: (model.index_time, model.min_information),
}
