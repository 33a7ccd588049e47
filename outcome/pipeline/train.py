"""Stage `train`: one model for every endpoint and input set, from the development partition alone, and the bundle.

Each unit (endpoint and input set) is trained by itself and kept by key, so that a killed run goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import read_bundle, write_bundle
from outcome.cohort.endpoints import endpoint_target
from outcome.config import Study
from outcome.errors import BundleRefusal, ConfigRefusal
from outcome.features.columns import IMAGE, FeatureColumn, columns_from_json
from outcome.features.crops import Crops, open_crops
from outcome.features.frames import only_rows
from outcome.pipeline.bundle_parts import bundle_facts, bundle_files, development_columns
from outcome.pipeline.case_work import CaseWork, keep_only, run_units
from outcome.pipeline.device import device_for, processes_for
from outcome.pipeline.encoder_weights import weights_file, weights_input
from outcome.pipeline.harmonising import harmonise_rules, refuse_few_batches
from outcome.pipeline.internal_external import hold_sites_out, refuse_few_sites
from outcome.pipeline.outer_repeats import FOLDS_TABLE, repeat_folds
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.repeats import read_repeats, stability_config
from outcome.pipeline.stage import Made, Run, StageResult, Work, code_digest, network_digest, perform, upstream
from outcome.pipeline.unit_task import UnitTask, train_one
from outcome.store import MANIFEST, digest, plain, read_json, read_parquet, write_json, write_parquet
from outcome.training.search_space import SearchSettings
from outcome.training.settings import NetworkSettings, TrainingSettings
from outcome.training.unit_cases import UnitCases
from outcome.types import (
    DETAIL_COLUMNS,
    FOLD_COLUMNS,
    INFORMATION_COLUMNS,
    PREDICTION_COLUMNS,
    EndpointKind,
    InputSet,
)

STAGE = "train"
DEVELOPMENT = "development"
AFTER_TRAINING = ("internal_external", "min_information", "outer_repeats")
# each table of the stage, the suffix of a unit's part of it, and its columns
TABLES = (
    ("out_of_fold.parquet", ".parquet", PREDICTION_COLUMNS),
    ("details.parquet", ".details.parquet", DETAIL_COLUMNS),
    ("information.parquet", ".information.parquet", INFORMATION_COLUMNS),
    (FOLDS_TABLE, ".folds.parquet", FOLD_COLUMNS),
)


def run_train(run: Run) -> StageResult:
    """Make the train stage and the bundle of a study. Raises ConfigRefusal where no case is for development."""
    inputs = _inputs(run)
    _refuse_no_development(run)
    work = Work(STAGE, _config(run.study), inputs)
    result = perform(run, work, lambda folder: _produce(run, folder))
    _keep_bundle(run.store.bundle, bundle_files(run, _development(run)), bundle_facts(run))
    return result


def _refuse_no_development(run: Run) -> None:
    if not _development(run):
        raise ConfigRefusal(
            "no case of this study is for development, so there is nothing to learn from",
            expected="a partition with relation: development",
            found=", ".join(f"{name} ({part.relation})" for name, part in run.study.partitions.items()),
            next_step="outcome validate BUNDLE STUDY.yaml, or give a partition relation: development",
        )


def _keep_bundle(folder: Path, files: dict[str, bytes], facts: dict[str, Any]) -> None:
    """Write the bundle unless these very bytes stand there: a kill or a copy may have left another one."""
    try:
        there = read_bundle(folder)
        same = dict(there.files) == files and dict(there.facts) == plain(facts)
    except BundleRefusal:
        same = False
    if not same:
        write_bundle(folder, files, facts)


def _drop_bundle(folder: Path) -> None:
    """Take away the bundle of earlier training, its manifest first: between new units and new bundle there is none."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _inputs(run: Run) -> dict[str, str]:
    """What training depends on: the stages it reads (crops among them) and, for networks, what they compute with."""
    names = ("cohort", "features", *(("radiomics",) if run.study.radiomics.stability else ()))
    stages = {f"stage:{name}": upstream(run.store, name) for name in names}
    return {**stages, "networks": network_digest(), **weights_input(run)} if run.study.image_blocks else stages


def _config(study: Study) -> dict[str, Any]:
    resolved = study.resolved()
    named = ("training", "endpoints", "comparator", "subgroups", "crossed")
    return {**{name: resolved.get(name) for name in named}, **stability_config(study)}


def _config_of_units(study: Study) -> dict[str, Any]:
    """What a unit is trained by: what comes after training (AFTER_TRAINING) changes nothing of it."""
    config = _config(study)
    training = {name: value for name, value in config["training"].items() if name not in AFTER_TRAINING}
    return {**config, "training": training}


def _development(run: Run) -> list[str]:
    return development_cases(run.study, read_parquet(run.store.stage("cohort") / "cases.parquet"))


def development_cases(study: Study, cases: pd.DataFrame) -> list[str]:
    """The case ids models may learn from, in case order."""
    names = [name for name, part in study.partitions.items() if part.relation == DEVELOPMENT]
    return sorted(cases.loc[cases["partition"].isin(names), "case_id"])


def _produce(run: Run, folder: Path) -> Made:
    tasks = list(_tasks(run, folder))
    failed = run_units(run, STAGE, tasks, lambda task: task.work, train_one)
    cases = read_parquet(run.store.stage("cohort") / "cases.parquet").set_index("case_id")
    without_site = hold_sites_out(run, STAGE, tasks, cases, folder)
    index = keep_only(folder, {task.work.case_id: task.work for task in tasks}, failed)
    summaries = {name: read_json(folder / "units" / f"{key}.json") for name, key in index.items()}
    for name, suffix, columns in TABLES:
        tables = [read_parquet(folder / "units" / f"{key}{suffix}") for key in index.values()]
        write_parquet(folder / name, _joined(tables, columns, run))
    without_repeat = repeat_folds(run, STAGE, tasks, cases, folder)
    write_json(folder / "ladder.json", {name: summary["ladder"] for name, summary in summaries.items()})
    _drop_bundle(run.store.bundle)
    skipped = {name: summary["skipped"] for name, summary in summaries.items() if summary["skipped"]}
    warned = {name: summary["ladder"]["warnings"] for name, summary in summaries.items() if _warned(summary)}
    told = {"warnings": warned} if warned else {}
    return Made(
        {"units": len(tasks), "done": len(index), "skipped": skipped, **told},
        {**failed, **without_site, **without_repeat},
    )


def _warned(summary: dict[str, Any]) -> bool:
    return bool(summary["ladder"].get("warnings"))


def _joined(tables: Iterable[pd.DataFrame], columns: tuple[str, ...], run: Run) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=list(columns))
    cases = read_parquet(run.store.stage("cohort") / "cases.parquet").set_index("case_id")
    table = pd.concat(filled, ignore_index=True)
    table = table.assign(partition=table["case_id"].map(cases["partition"]), source="out_of_fold")
    return table[list(columns)]


def _tasks(run: Run, folder: Path) -> Iterable[UnitTask]:
    study, cohort, features = run.study, run.store.stage("cohort"), run.store.stage("features")
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id")
    chosen = development_cases(study, cases.reset_index())
    frame = only_rows(read_parquet(features / "features.parquet").set_index("case_id"), chosen)
    columns = development_columns(columns_from_json(read_json(features / "columns.json")), frame)
    endpoints = read_parquet(cohort / "endpoints.parquet")
    crops = _crops_of(features, chosen)
    refuse_few_batches(study, frame)
    refuse_few_sites(study, cases.loc[chosen, "site"].astype(str).tolist())
    device = _device(run, columns)
    settings = replace(
        training_settings(study, device, columns),
        processes=processes_for(run.processes, device), encoder_weights=weights_file(study),
    )  # fmt: skip
    repeats = read_repeats(run)
    patients = tuple(cases.loc[chosen, "patient_id"].astype(str))
    recipe = recipe_in(run)
    regions = tuple(sorted(recipe.regions)) if recipe else ()
    basis = digest({"code": code_digest(), "config": _config_of_units(study), **_inputs(run)})
    targets = {
        name: endpoint_target(endpoints, name, EndpointKind(endpoint.kind), chosen)
        for name, endpoint in study.endpoints.items()
    }
    for name, endpoint in study.endpoints.items():
        for inputs in input_sets(columns):
            unit = f"{name}.{inputs.value}"
            cases_of_unit = UnitCases(
                frame=frame,
                columns=columns,
                target=targets[name],
                patients=patients,
                inputs=inputs,
                horizons=horizons_of(endpoint),
                one_number=one_number_column(study, columns),
                crops=crops,
                repeats=repeats,
                joint=tuple(targets[other] for other in settings.network.auxiliary_to(name)),
            )
            work = CaseWork(unit, digest({"basis": basis, "unit": unit}), folder, "units")
            yield UnitTask(work, cases_of_unit, settings, study.training.seed, regions)


def _crops_of(features: Path, case_ids: Iterable[str]) -> Crops:
    """The crops of these cases and no others, read when a network asks for them."""
    files = open_crops(features).files
    return Crops(files={case_id: files[case_id] for case_id in case_ids if case_id in files})


def _device(run: Run, columns: Iterable[FeatureColumn]) -> str:
    """Where networks learn; only asked where there is one, since the answer costs seconds."""
    images = any(column.kind == IMAGE for column in columns)
    return device_for(run.device) if images and "fusion" in run.study.training.families else "cpu"


def input_sets(columns: Iterable[FeatureColumn]) -> list[InputSet]:
    """The input sets worth a model: `with_plan` only where there is a planned variable."""
    planned = any(column.availability == "planned" for column in columns)
    return [InputSet.PREOPERATIVE, InputSet.WITH_PLAN] if planned else [InputSet.PREOPERATIVE]


def horizons_of(endpoint: Any) -> tuple[float, ...]:
    """The horizons, in days, at which a time-to-event endpoint's risk is stated; empty for other kinds."""
    return tuple(float(day) for day in getattr(endpoint, "horizons_days", ()) or ())


def one_number_column(study: Study, columns: Iterable[FeatureColumn]) -> str | None:
    """The feature column of the study's comparator (the one number, e.g. tumour size), where it is a predictor."""
    if study.comparator is None:
        return None
    wanted = f":{study.comparator.variable}"
    return next((column.name for column in columns if column.name.endswith(wanted)), None)


def training_settings(study: Study, device: str = "cpu", columns: Iterable[FeatureColumn] = ()) -> TrainingSettings:
    """The training settings of a study, as the training package takes them; `device` is where networks learn.

    `columns` are those of the features, among which harmonisation finds its covariates.
    """
    stated = study.training.model_dump()
    network = NetworkSettings(**stated.pop("network"))
    plain = {name: value for name, value in stated.items() if name in TrainingSettings.__dataclass_fields__}
    plain["harmonise"] = harmonise_rules(study, columns)
    plain["search"] = SearchSettings.from_json(stated["search"]) if study.training.search else None
    return TrainingSettings(**plain, network=network, device=device)
