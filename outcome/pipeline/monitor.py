"""`outcome monitor`: are new cases still those that a frozen model was made for? Case by case, and over time.

Reads what the stages up to `predict` left in the store and the bundle; nothing is learned from the cases, and every
threshold follows from the bundle and the stated rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import Bundle, read_bundle
from outcome.config import Study, study_from_resolved
from outcome.config.study import endpoint_variables
from outcome.dictionary import DataDictionary
from outcome.errors import BundleRefusal, UsageError
from outcome.evaluation.monitoring.check import Check, alarm_threshold
from outcome.features.observed import observed_frame
from outcome.formats import MONITOR, VERSION_KEY
from outcome.pipeline.monitoring.alarms import alarms_of, check_table, timeline
from outcome.pipeline.monitoring.answers_watched import Answers, answer_checks
from outcome.pipeline.monitoring.arrival import Arrival, Asked, arrival, asked_order
from outcome.pipeline.monitoring.doubles import DUPLICATED, duplicated_cases
from outcome.pipeline.monitoring.inputs_watched import input_checks
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.report.monitor_page import render_monitor
from outcome.serving import RiskModel
from outcome.store import MANIFEST, read_json, read_parquet, write_json, write_parquet, write_text

STAGE = "monitor"
BEFORE = ("cohort", "segment", "radiomics", "features", "predict")
UPDATES = "updates.json"
GUARANTEE = (
    "If nothing has changed, the chance that any of the {count} checks ever alarms, however often and whenever one "
    "looks, is at most {rate:g}. For values, missing ones and risks this rests on exchangeability alone; calibration "
    "and ranking also rest on the band in which out-of-fold predictions place the model, and relations are close, not "
    "exact: their residuals among the training cases are out of fold"
)
_RECALIBRATED = "the bundle was recalibrated: what it tells of its development cases is the parent's"


@dataclass(frozen=True)
class MonitorPlan:
    """How cases are ordered, and the chance of any false alarm over all checks and looks."""

    asked: Asked
    rate: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise UsageError("--rate is a chance of a false alarm", expected="between 0 and 1", found=f"{self.rate}")


def monitor_plan(study: Study, by: str | None, rate: float) -> MonitorPlan:
    """The plan that the command line asks for, on the study file's own dictionary. Raises ConfigRefusal, UsageError."""
    return MonitorPlan(asked_order(by, study.index_time, DataDictionary.load(study.dictionary)), rate)


def monitored_study(bundle: Path, applied: Study) -> Study:
    """The study with the bundle's endpoints where its dictionary describes what all of them are made of.

    Raises BundleRefusal where the bundle tells too little to compare with.
    """
    read = read_bundle(bundle)
    refuse_untold(read)
    defined = study_from_resolved(read.json("config.json")).endpoints
    described = set(DataDictionary.load(applied.dictionary).names)
    needed = {name for endpoint in defined.values() for name in endpoint_variables(endpoint)}
    return applied.model_copy(update={"endpoints": defined}) if needed <= described else applied


def refuse_untold(bundle: Bundle) -> None:
    """Raises BundleRefusal for a bundle without a reference, or of a version that tells nothing to monitor with."""
    told = bundle.json("reference.json") if "reference.json" in bundle.files else {}
    if not told.get("monitoring"):
        raise BundleRefusal(
            "the bundle tells too little of its training cases to watch new ones over time",
            expected="reference.json with `monitoring`",
            found="none: it was made by an earlier version" if told else "no reference.json",
            next_step="train it again with this version; `outcome predict` still warns case by case of its record",
        )


def run_monitor(run: Run, plan: MonitorPlan) -> StageResult:
    """Compare the store's predicted cases with its bundle's reference; writes the folder `monitor/<bundle id>`."""
    bundle = read_bundle(run.store.bundle)
    refuse_untold(bundle)
    names = ("cohort", "radiomics", "features", f"predict/{bundle.id}")
    inputs = {f"stage:{name}": upstream(run.store, *name.split("/")) for name in names}
    config = {"bundle": bundle.id, "rate": plan.rate, "by": plan.asked.by, "months": plan.asked.months}
    return perform(run, Work(STAGE, config, inputs, part=bundle.id), lambda folder: _produce(run, bundle, plan, folder))


def _produce(run: Run, bundle: Bundle, plan: MonitorPlan, folder: Path) -> Made:
    model, place = RiskModel(bundle), run.store.stage("predict", bundle.id)
    told = model.reference["monitoring"]
    predictions = read_parquet(place / "predictions.parquet")
    came, observed = _observed(run, sorted(set(predictions["case_id"].astype(str))) or _cases(run), plan.asked)
    warnings = pd.concat([read_parquet(place / "warnings.parquet"), *_other_warnings(run, model, observed)])
    count = check_count(told)
    threshold = alarm_threshold(plan.rate, count)
    endpoints = read_parquet(run.store.stage("cohort") / "endpoints.parquet")
    details = read_parquet(place / "details.parquet")
    answers = Answers(came.case_ids, predictions, details, endpoints, plan.rate / count)
    why_not = _RECALIBRATED if UPDATES in bundle.files else ""
    checks = [*input_checks(told, observed), *answer_checks(told["units"], answers, why_not)]
    document = _document(run, bundle, plan, came, count)
    document["alarms"] = alarms_of(checks, came, observed, told, threshold)
    return _write(folder, document, checks, came, warnings, threshold)


def check_count(told: Mapping[str, Any]) -> int:
    """How many checks the bundle allows, whatever the study can answer: the threshold hangs on the bundle alone."""
    inputs = sum("cuts" in entry for part in ("columns", "missing", "relations") for entry in told[part])
    units = [unit for unit in told["units"].values() if "withheld" not in unit]
    answers = sum(
        1 + (bool(unit.get("residual")) or "se" in (unit.get("calibration") or {})) + ("se" in unit["ranking"])
        for unit in units
    )
    return max(1, inputs + answers)


def _cases(run: Run) -> list[str]:
    return [str(case) for case in read_parquet(run.store.stage("cohort") / "cases.parquet")["case_id"]]


def _observed(run: Run, case_ids: list[str], asked: Asked) -> tuple[Arrival, pd.DataFrame]:
    """The cases in order of arrival, and all that is looked at of them in that order."""
    cohort = run.store.stage("cohort")
    variables = read_parquet(cohort / "variables.parquet").astype({"case_id": str}).set_index("case_id")
    came = arrival(case_ids, variables, asked)
    features = read_parquet(run.store.stage("features") / "features.parquet").astype({"case_id": str})
    frame = features.set_index("case_id").reindex(list(came.case_ids))
    scans = read_parquet(run.store.stage("radiomics") / "images.parquet").set_index("case_id")
    dictionary = DataDictionary.load(cohort / "dictionary.csv")
    return came, observed_frame(frame, scans, variables, dictionary, run.study.index_time)


def _other_warnings(run: Run, model: RiskModel, observed: pd.DataFrame) -> list[pd.DataFrame]:
    """Copies of other cases, and cases that a stage could not use."""
    copies = duplicated_cases(observed, model.columns)
    words = [f"every number of the record is that of case {like}: the same patient twice?" for like in copies["like"]]
    tables = [pd.DataFrame({"case_id": copies["case_id"], "code": DUPLICATED, "message": words})]
    for stage in BEFORE:
        path = run.store.stage(stage, model.id if stage == "predict" else "") / MANIFEST
        failed = read_json(path)["failed"]
        table = {"case_id": list(failed), "code": f"failed_{stage}", "message": list(failed.values())}
        tables.append(pd.DataFrame(table, dtype=object))
    return tables


def _document(run: Run, bundle: Bundle, plan: MonitorPlan, came: Arrival, count: int) -> dict[str, Any]:
    threshold = alarm_threshold(plan.rate, count)
    return {
        VERSION_KEY: MONITOR,
        "study": run.study.name,
        "title": run.study.title,
        "bundle_id": bundle.id,
        "development": {"study": bundle.facts.get("study"), "n": bundle.json("reference.json")["n"]},
        "research_use_only": True,
        "cases": len(came.case_ids),
        "order": came.words,
        "periods": list(dict.fromkeys(came.periods)),
        "rate": plan.rate,
        "n_checks": count,
        "log10_threshold": threshold / math.log(10),
        "guarantee": GUARANTEE.format(count=count, rate=plan.rate),
    }


def _write(
    folder: Path, document: dict[str, Any], checks: list[Check], came: Arrival, warnings: pd.DataFrame, threshold: float
) -> Made:
    table, over_time = check_table(checks, threshold), timeline(checks, came)
    states = {state: int((table["status"] == state).sum()) for state in ("alarm", "quiet", "not judged")}
    document |= {"checks": states, "cases_warned_of": int(warnings["case_id"].nunique())}
    write_json(folder / "monitor.json", document)
    write_parquet(folder / "checks.parquet", table)
    write_parquet(folder / "timeline.parquet", over_time)
    write_parquet(folder / "warnings.parquet", warnings.reset_index(drop=True))
    write_text(folder / "monitor.html", render_monitor(document, table, over_time, warnings))
    named = {f"checks_{state.replace(' ', '_')}": n for state, n in states.items()}
    return Made({"cases": len(came.case_ids), "warned": document["cases_warned_of"], **named})
