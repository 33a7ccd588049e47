"""A report that lacks nothing, made by hand: two studies, two partitions, three sites, an updated bundle."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from outcome.config.reporting import Reporting
from outcome.config.study import Study
from outcome.report.checklists import ReportFacts

PAGE = frozenset(
    {"flow", "findings", "definitions", "precision", "performance", "calibration", "utility", "case-mix", "subgroups"}
    | {"sites", "updating", "provenance"}
)


def number(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "level": 0.95, "method": "by hand", "n": 90, "n_events": 23,
            "withheld": None if value is not None else "7 events; at least 10 are needed"}  # fmt: skip


def study(name: str, relation: str) -> dict[str, Any]:
    return Study.model_validate(
        {
            "schema_version": 1,
            "name": name,
            "title": f"Study {name}",
            "procedure": "liver resection",
            "dictionary": "dictionary.csv",
            "table": {"format": "csv", "path": "table.csv"},
            "case_id": "case_id",
            "site": "hospital",
            "inclusion": [{"variable": "age", "at_least": 18, "reason": "adults"}],
            "endpoints": {
                "death": {"label": "Death", "kind": "time_to_event", "time": "days",
                          "event": {"variable": "status", "equals": "dead"}, "horizons_days": [365]},
                "complication": {"label": "Any complication", "kind": "binary", "horizon_days": 30,
                                 "event": {"variable": "clavien", "at_least": "1"}},
            },
            "partitions": {"all": {"label": f"Cases of {name}", "relation": relation}},
            "subgroups": [{"variable": "sex"}],
            "notes": [f"a note of {name}"],
            "reporting": {field: f"{field} of {name}" for field in Reporting.model_fields},
        }
    ).resolved()  # fmt: skip


def metrics() -> dict[str, Any]:
    gap = {"variable": "sex", "group": "female", "metric": "oe_ratio", "scale": "log",
           "difference": number(0.5, 0.2, 0.8)}  # fmt: skip
    model = {
        "metrics": {
            "auroc": number(0.71, 0.62, 0.79),
            "oe_ratio": number(1.7, 1.2, 2.4),
            "slope": number(0.9, 0.5, 1.3),
        },
        "rung": "clinical",
        "threshold": {"value": 0.2, "provenance": "by hand"},
        "subgroup_analysis": {"gaps": [gap, {**gap, "group": "male", "difference": number(0.1, -0.2, 0.4)}]},
        "sites": {"rows": [{"site": "a"}, {"site": "b"}, {"site": "c"}]},
    }
    death = {"metrics": {"harrell_c": number(None)}, "rung": "clinical", "sites": {}}
    return {
        "title": "Study there",
        "findings": [{"code": "unknown_code", "level": "reject", "message": "2 cells", "case_ids": ["x", "y"]}],
        "integrity": {"checks": [{"check": "overlap", "status": "warning", "message": "1 patient"},
                                 {"check": "hash", "status": "passed", "message": "fine"}]},
        "partitions": {"all": {
            "label": "Cases of there", "relation": "external", "source": "bundle", "n": 90,
            "case_mix": {"variables": [{"variable": "crea", "label": "Creatinine", "flag": "unit", "message": "x 88"},
                                       {"variable": "age", "label": "Age", "flag": "", "message": ""}]},
            "endpoints": {
                "complication": {"label": "Any complication", "kind": "binary", "horizon_days": 30, "n": 90,
                                 "n_events": 23, "models": {"preoperative": model}},
                "death": {"label": "Death", "kind": "time_to_event", "horizon_days": 365, "n": 90, "n_events": 7,
                          "models": {"preoperative": death}},
            }}},
    }  # fmt: skip


def bundle() -> dict[str, Any]:
    unit = {"endpoint": "complication", "inputs": "preoperative", "chosen": "clinical", "reason": "the simplest",
            "rungs": [{"rung": "clinical", "algorithm": "logistic", "params": {"penalty": 0.1}}],
            "threshold": {"value": 0.2, "provenance": "Youden on inner folds"}}  # fmt: skip
    return {
        "id": "abc123",
        "facts": {"program": "surgical-outcome 0.1.0", "code_sha256": "c0de", "seed": 7},
        "hashes": {"config.json": "aaaa"},
        "columns": [
            {"name": "clinical:age", "block": "clinical", "kind": "numeric", "availability": "preoperative",
             "choices": [], "choice_labels": [], "label": "Age", "unit": "years"},
            {"name": "radiomics:tumor.volume", "block": "radiomics", "kind": "numeric", "availability": "preoperative",
             "choices": [], "choice_labels": [], "label": "", "unit": "mL"},
        ],
        "reference": {"n": 200, "features": {"clinical:age": {"n": 200, "missing": 0, "quantiles":
                      {"0.25": 50.0, "0.5": 60.0, "0.75": 70.0}}},
                      "endpoints": {"complication": {"n": 200, "n_events": 40}, "death": {"n": 200, "n_events": None}}},
        "ladder": {"complication.preoperative": unit,
                   "death.preoperative": {"endpoint": "death", "inputs": "preoperative", "skipped": "3 events"}},
        "recipe": {"regions": {"tumor": 1}, "segmenter": "given", "families": ["shape"], "units_mm": True},
        "updates": [{"study": "elsewhere", "parent_id": "old", "n": 300, "n_held_out": 0, "alpha": 0.05,
                     "partitions": {"all": "external"},
                     "units": {"complication.preoperative": {"untouched": "few events"}}}],
    }  # fmt: skip


def whole_report() -> ReportFacts:
    """Another hospital's evaluation of a bundle, with every statement and every section of the page."""
    return ReportFacts(PAGE.__contains__, metrics(), study("there", "external"), study("here", "development"), bundle())


def development_report() -> ReportFacts:
    """The same model's own study: development cases alone, out of fold."""
    own, numbers = study("here", "development"), metrics()
    numbers["partitions"]["all"] |= {"relation": "development", "source": "out_of_fold", "label": "Cases of here"}
    return replace(whole_report(), metrics=numbers, study=own, bundle_study=own)


def without(facts: ReportFacts, anchor: str) -> ReportFacts:
    """The facts with the content behind one anchor taken away."""
    kind, _, name = anchor.partition("-")
    if kind == "says":
        return replace(facts, study=_unsaid(facts.study, name))
    if kind == "development":
        return replace(facts, bundle_study=_unsaid(facts.bundle_study, name))
    if kind == "method":
        return replace(facts, bundle_study={**facts.bundle_study, "training": {}})
    if kind == "declared":
        return _undeclared(facts, name)
    return replace(facts, has=lambda each: each != anchor and facts.has(each))


def _unsaid(told: Any, name: str) -> dict[str, Any]:
    changed = copy.deepcopy(dict(told))
    changed["reporting"][name.replace("-", "_")] = "  "
    return changed


def _undeclared(facts: ReportFacts, name: str) -> ReportFacts:
    in_bundle = {"inputs": "columns", "characteristics": "reference", "updates": "updates", "access": "id"}
    if name in in_bundle:
        return replace(facts, bundle={**facts.bundle, in_bundle[name]: None})
    if name in ("thresholds", "model", "input-sets"):
        quiet = {key: _quiet(value) for key, value in facts.metrics.items()}
        return replace(facts, bundle={**facts.bundle, "ladder": _without_thresholds(facts, name)}, metrics=quiet)
    if name in ("split", "outputs"):
        key = {"split": "partitions", "outputs": "endpoints"}[name]
        return replace(facts, bundle_study={**facts.bundle_study, key: {}})
    if name in ("objective", "evidence", "numbers"):
        quiet_bundle = {**facts.bundle, "reference": {}}
        return replace(facts, metrics={**facts.metrics, "partitions": _seen(facts, name)}, bundle=quiet_bundle)
    return replace(facts, study={**facts.study, {"study": "title", "inclusion": "inclusion"}[name]: ""})


def _quiet(value: Any) -> Any:
    """The same JSON without any word on which model was used."""
    if isinstance(value, dict):
        return {key: _quiet(each) for key, each in value.items() if key != "rung"}
    return [_quiet(each) for each in value] if isinstance(value, list) else value


def _without_thresholds(facts: ReportFacts, name: str) -> dict[str, Any]:
    if name != "thresholds":
        return {}
    return {key: {**unit, "threshold": None} for key, unit in facts.bundle["ladder"].items()}


def _seen(facts: ReportFacts, name: str) -> dict[str, Any]:
    """No partition at all, one without endpoints, or one that the model was fitted to."""
    if name == "objective":
        return {}
    part = facts.metrics["partitions"]["all"]
    if name == "evidence":
        return {"all": {**part, "relation": "development", "source": "bundle"}}
    return {"all": {**part, "endpoints": {}}}
