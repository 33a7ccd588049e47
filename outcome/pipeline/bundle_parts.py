"""What goes into a bundle: everything from raw record and image to risk, and a summary of who it was learned from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

import pandas as pd

from outcome.bundle.libraries import FACT, recorded_libraries
from outcome.dictionary import DataDictionary
from outcome.features.columns import BATCH, IMAGE, FeatureColumn, columns_from_json, columns_to_json
from outcome.features.frames import only_columns, only_rows
from outcome.features.observed import dates_read, observed_columns, observed_frame
from outcome.pipeline import overlap
from outcome.pipeline.masks.folds import FINAL
from outcome.pipeline.recipe import SEGMENTER, recipe_in
from outcome.pipeline.reference.joint_summary import joint_summary
from outcome.pipeline.reference.monitoring_summary import monitoring_summary
from outcome.pipeline.reference.monitoring_units import unit_monitoring
from outcome.pipeline.reference.out_of_fold_summary import conformal_summary, risk_summary
from outcome.pipeline.reference.population import reference_summary
from outcome.pipeline.stage import Run, code_digest
from outcome.report.checklists.facts import ReportFacts
from outcome.report.model_card import card_markdown
from outcome.serving import SEGMENTER_FILE
from outcome.store import canonical_json, read_json, read_parquet
from outcome.training.unit import TrainedUnit


def bundle_files(run: Run, development: list[str]) -> dict[str, bytes]:
    """Every file of the bundle by name, from the finished stages of a study and its development cases."""
    cohort, features, train = (run.store.stage(name) for name in ("cohort", "features", "train"))
    frame = only_rows(read_parquet(features / "features.parquet").set_index("case_id"), development)
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id").loc[development]
    recipe = recipe_in(run)
    columns = development_columns(columns_from_json(read_json(features / "columns.json")), frame)
    frame = only_columns(frame, [column.name for column in columns])
    files = {
        "recipe.json": canonical_json(recipe.to_json() if recipe else None),
        "dictionary.csv": (cohort / "dictionary.csv").read_bytes(),
        "config.json": canonical_json(run.study.resolved()),
        "columns.json": canonical_json(columns_to_json(columns)),
        "ladder.json": (train / "ladder.json").read_bytes(),
        "reference.json": canonical_json(_reference(run, frame, columns)),
        overlap.FILE: canonical_json(overlap.salted_patients(cases["patient_id"], run.study.name)),
    }
    files["MODEL_CARD.md"] = model_card(run, files).encode()
    if recipe is not None and recipe.draws_masks:
        files[SEGMENTER_FILE] = _segmenter_weights(run)
    for unit, key in read_json(train / "index.json").items():
        unit_as_trained = TrainedUnit.load(train / "units" / key)
        model = replace(unit_as_trained, out_of_fold=unit_as_trained.out_of_fold.iloc[:0])  # no patient travels
        files |= {f"estimators/{unit}/{name}": data for name, data in model.files().items()}
    return files


def _reference(run: Run, frame: pd.DataFrame, columns: tuple[FeatureColumn, ...]) -> dict[str, Any]:
    """The development cases (rows of `frame`) in numbers, and what each unit said of those it had not seen."""
    train = run.store.stage("train")
    columns = tuple(column for column in columns if column.kind != BATCH)
    frame = only_columns(frame, [column.name for column in columns])
    units = {name: TrainedUnit.load(train / "units" / key) for name, key in read_json(train / "index.json").items()}
    rows = read_parquet(run.store.stage("cohort") / "endpoints.parquet")
    endpoints = rows[rows["case_id"].isin(frame.index)]
    kinds = {name: endpoint.kind for name, endpoint in run.study.endpoints.items()}
    joint = joint_summary(frame, columns)
    return {
        **reference_summary(frame, endpoints, kinds),
        "columns": joint,
        "monitoring": {
            **_watched(run, frame, columns, joint),
            "units": {
                name: unit_monitoring(name, unit, endpoints, _details(run, name)) for name, unit in units.items()
            },
        },
        "risks": {name: risk_summary(unit) for name, unit in units.items()},
        "conformal": {name: conformal_summary(unit, endpoints) for name, unit in units.items()},
    }


def _watched(
    run: Run, frame: pd.DataFrame, columns: tuple[FeatureColumn, ...], joint: Mapping[str, Any]
) -> dict[str, Any]:
    """What later cases are compared with, images at a glance and days between dates included."""
    cohort, dictionary = run.store.stage("cohort"), DataDictionary.load(run.store.stage("cohort") / "dictionary.csv")
    dates = dates_read(dictionary, run.study.index_time)
    variables = read_parquet(cohort / "variables.parquet", ["case_id", *dates]).set_index("case_id")
    scans = read_parquet(run.store.stage("radiomics") / "images.parquet").set_index("case_id")
    observed = observed_frame(frame, scans, variables, dictionary, run.study.index_time)
    known = [name for name in observed.columns[len(frame.columns) :] if observed[name].notna().any()]
    others = [source["column"] for source in joint.get("sources", ())]
    return monitoring_summary(observed, [*columns, *observed_columns(known, dictionary)], others)


def _details(run: Run, unit: str) -> pd.DataFrame:
    """A unit's out-of-fold details, as the train stage filed them."""
    table = read_parquet(run.store.stage("train") / "details.parquet")
    return table[(table["endpoint"] + "." + table["inputs"]) == unit]


def _segmenter_weights(run: Run) -> bytes:
    """The final network: the one that learned from all development cases, and draws every new case's mask."""
    segment = run.store.stage("segment")
    file = read_json(segment / SEGMENTER)["networks"][FINAL]["file"]
    return (segment / file).read_bytes()


def development_columns(columns: Iterable[FeatureColumn], frame: pd.DataFrame) -> tuple[FeatureColumn, ...]:
    """The columns a model may be told of, from the development cases' frame.

    A measurement that only later cases have must not even be named: the bundle would depend on them.
    """
    return tuple(c for c in columns if _is_recorded(c) or frame[c.name].notna().any())


def _is_recorded(column: FeatureColumn) -> bool:
    """Whether a column stands for a variable of the dictionary, not for something found in images."""
    return column.block != "radiomics" and column.kind != IMAGE


def bundle_facts(run: Run) -> dict[str, Any]:
    """What the bundle's manifest says beside its files."""
    return {
        "study": run.study.name,
        "title": run.study.title,
        "program": f"surgical-outcome {metadata.version('surgical-outcome')}",
        "code_sha256": code_digest(),
        FACT: recorded_libraries(),
        "seed": run.study.training.seed,
        "research_use_only": True,
    }


def model_card(run: Run, files: Mapping[str, bytes]) -> str:
    """The card that travels: what the bundle is for, reads and gives, and what it must not be used for."""
    told = {name: json.loads(files[f"{name}.json"]) for name in ("columns", "reference", "ladder", "recipe")}
    study = run.study.resolved()
    bundle = {"facts": bundle_facts(run), **told}
    return card_markdown(ReportFacts(lambda _: False, study=study, bundle_study=study, bundle=bundle))
