"""`outcome recalibrate`: a frozen bundle told the level and spread of risk elsewhere, written as a new bundle.

The study's cases go through the bundle's own recipe as in `outcome validate`; then every unit is updated as little as
its outcomes ask for (`outcome.evaluation.updating`). Recipe, segmenter, dictionary and models stay the parent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.bundle import MANIFEST, Bundle, read_bundle, write_bundle
from outcome.bundle.libraries import FACT, recorded_libraries
from outcome.cohort.endpoints import endpoint_target
from outcome.errors import DataRefusal, StoreRefusal, UsageError
from outcome.features.crops import Crops, open_crops
from outcome.pipeline import overlap
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.stage import Run, StageResult, code_digest
from outcome.pipeline.updating.unit_update import UpdatedUnit, UpdatePlan, update_unit
from outcome.pipeline.updating.updated_unit import Patients
from outcome.report.update_card import card_section
from outcome.serving import RiskModel
from outcome.store import canonical_json, read_parquet
from outcome.training.unit import TrainedUnit
from outcome.types import Target

UPDATES = "updates.json"
CARD = "MODEL_CARD.md"
_STAGES = ("cohort", "segment", "radiomics", "features")


@dataclass(frozen=True, eq=False)
class Recalibrated:
    """How it ended: the document for a reader, and the stages that made the cases into numbers."""

    document: Mapping[str, Any]
    stages: tuple[StageResult, ...]


@dataclass(frozen=True, eq=False)
class _Scene:
    """The study's cases in case order, as the bundle's recipe sees them."""

    run: Run
    cases: pd.DataFrame  # index case_id
    frame: pd.DataFrame  # same index, the bundle's columns
    endpoints: pd.DataFrame
    crops: Crops
    held: npt.NDArray[np.bool_]  # (n,) those from which nothing may be learned

    def patients(self, unit: TrainedUnit) -> Patients:
        target = self.target(unit)
        names = self.cases["patient_id"].astype(str).to_numpy()
        return Patients(self.frame, target, names, f"the study {self.run.study.name}", self.crops)

    def target(self, unit: TrainedUnit) -> Target:
        return endpoint_target(self.endpoints, unit.endpoint, unit.kind, list(self.cases.index))


def refuse_impossible(bundle: Path, out: Path, plan: UpdatePlan) -> None:
    """Before anything is read or written. Raises UsageError for numbers that make no sense, StoreRefusal for a folder
    that holds something else than a bundle, or the parent itself.
    """
    if not 0 < plan.alpha < 1:
        raise UsageError("--alpha is a level of significance", expected="between 0 and 1", found=f"{plan.alpha}")
    if plan.hold_out is not None and not 0 < plan.hold_out < 1:
        raise UsageError("--hold-out is a share of patients", expected="between 0 and 1", found=f"{plan.hold_out}")
    if out.resolve() == bundle.resolve():
        raise StoreRefusal("the new bundle would replace its parent", next_step="choose another --out")
    if out.exists() and not (out / MANIFEST).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise StoreRefusal(
            f"{out} holds something else than a bundle",
            expected="a new folder, or an older bundle to replace",
            next_step="choose another --out",
        )


def recalibrate(run: Run, bundle: Path, out: Path, plan: UpdatePlan) -> Recalibrated:
    """Update a bundle on the study's cases and write the new one to `out`.

    Raises DataRefusal where no unit could be tested (the reasons are listed), BundleRefusal and DataRefusal as
    `outcome validate` does, StoreRefusal where a model was trained in this store.
    """
    refuse_impossible(bundle, out, plan)
    if (run.store.stage("train") / MANIFEST).exists():
        raise StoreRefusal(f"{run.store.folder} holds a model trained there", next_step="choose another --store")
    results = run_stages(run, [STAGE_RUNNERS[stage] for stage in _STAGES], bundle)
    parent = read_bundle(bundle)
    model = RiskModel(parent)
    scene = _scene(run, model, plan)
    made = _updated(scene, model, plan)
    _refuse_untested(made)
    entry = _entry(parent, scene, plan, made)
    new_id = write_bundle(out, _files(parent, scene, made, entry), _facts(parent, scene))
    return Recalibrated({"bundle": str(out), "bundle_id": new_id, **entry}, tuple(results))


def _scene(run: Run, model: RiskModel, plan: UpdatePlan) -> _Scene:
    cohort, features = run.store.stage("cohort"), run.store.stage("features")
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id").sort_index()
    cases = cases[cases["partition"].isin(list(run.study.partitions))]
    frame = read_parquet(features / "features.parquet").set_index("case_id").reindex(cases.index)
    frame = frame.reindex(columns=[column.name for column in model.columns])
    endpoints = read_parquet(cohort / "endpoints.parquet")
    return _Scene(run, cases, frame, endpoints, open_crops(features), held_out(cases["patient_id"], plan))


def held_out(patients: pd.Series, plan: UpdatePlan) -> npt.NDArray[np.bool_]:
    """Which cases are kept for judging, (n,): all cases of the drawn patients, none without a share to hold out."""
    if plan.hold_out is None:
        return np.zeros(len(patients), dtype=bool)
    names = np.unique(patients.astype(str))
    drawn = np.random.default_rng(plan.seed).permutation(names)[: round(plan.hold_out * len(names))]
    return patients.astype(str).isin(drawn).to_numpy()


def _updated(scene: _Scene, model: RiskModel, plan: UpdatePlan) -> dict[str, UpdatedUnit]:
    few_events = scene.run.study.training.few_events
    made = {}
    for number, name in enumerate(model.unit_names):
        scene.run.progress("recalibrate", number, len(model.unit_names))
        unit = model.unit(name)
        made[name] = update_unit(unit, scene.patients(unit), scene.held, plan, few_events)
    scene.run.progress("recalibrate", len(made), len(made))
    return made


def _refuse_untested(made: Mapping[str, UpdatedUnit]) -> None:
    if not any(each.tested for each in made.values()):
        raise DataRefusal(
            "no model of the bundle could be tested on these cases, so none was updated and no bundle written",
            found="; ".join(f"{name}: {each.facts['untouched']}" for name, each in made.items()),
            next_step="use the bundle as it is, or gather more cases with known outcomes",
        )


def _entry(parent: Bundle, scene: _Scene, plan: UpdatePlan, made: Mapping[str, UpdatedUnit]) -> dict[str, Any]:
    """What the new bundle says of this update; no date, so that the same work gives the same bytes."""
    return {
        "parent_id": parent.id,
        "study": scene.run.study.name,
        "partitions": {name: part.relation for name, part in scene.run.study.partitions.items()},
        "n": len(scene.cases),
        "n_held_out": int(scene.held.sum()),
        "alpha": plan.alpha,
        "hold_out": plan.hold_out,
        "seed": plan.seed,
        "draws": plan.draws,
        "units": {name: each.facts for name, each in made.items()},
    }


def _files(
    parent: Bundle, scene: _Scene, made: Mapping[str, UpdatedUnit], entry: Mapping[str, Any]
) -> dict[str, bytes]:
    """The parent's files, with the changed units, the update's record and the patients it was learned from."""
    files = dict(parent.files)
    for name, each in made.items():
        if each.facts["rung"] == "none":
            continue
        folder = f"estimators/{name}/"
        files = {path: data for path, data in files.items() if not path.startswith(folder)}
        files |= {f"{folder}{path}": data for path, data in each.unit.files().items()}
    earlier = parent.json(UPDATES) if UPDATES in parent.files else []
    learned = scene.cases.loc[~scene.held, "patient_id"]
    card = parent.files[CARD].decode().rstrip() + "\n\n" + card_section(entry)
    return files | {
        UPDATES: canonical_json([*earlier, entry]),
        overlap.FILE: canonical_json(overlap.with_patients(parent.json(overlap.FILE), learned)),
        CARD: card.encode(),
    }


def _facts(parent: Bundle, scene: _Scene) -> dict[str, Any]:
    program = f"surgical-outcome {metadata.version('surgical-outcome')}"
    changed = {"program": program, "code_sha256": code_digest(), FACT: recorded_libraries()}
    return {**parent.facts, **changed, "parent": parent.id, "updated_on": scene.run.study.name}
