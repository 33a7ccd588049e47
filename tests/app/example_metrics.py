"""A made-up `metrics.json` with every shape the report and the pages must show; the numbers mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

BUNDLE_ID = "3f9c2ab81d07"
WITHHELD = "7 events; at least 10 are needed for an estimate"


def estimate(value: float, half: float, n: int, n_events: int | None = None) -> dict[str, Any]:
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "level": 0.95,
        "method": "made up",
        "n": n,
        "n_events": n_events,
        "withheld": None,
    }


def withheld(n: int, n_events: int) -> dict[str, Any]:
    return {**estimate(0, 0, n, n_events), "value": None, "low": None, "high": None, "withheld": WITHHELD}


def metrics() -> dict[str, Any]:
    return {
        "schema_version": 2,
        "study": "example",
        "title": "Kidney surgery, made-up example",
        "bundle_id": BUNDLE_ID,
        "created_by": "outcome 0.1.0",
        "partitions": {
            "development": {
                "label": "Development cases",
                "relation": "development",
                "source": "out_of_fold",
                "n": 60,
                "endpoints": _endpoints(60, 22, 0.71),
            },
            "later_batch": {
                "label": "Later batch, same health system",
                "relation": "temporal",
                "source": "bundle",
                "n": 30,
                "endpoints": _endpoints(30, 11, 0.66),
            },
        },
        "flow": flow(),
        "findings": findings(),
    }


def _endpoints(n: int, events: int, auroc: float) -> dict[str, Any]:
    return {
        "any_complication": {
            "label": "Any complication",
            "kind": "binary",
            "horizon_days": 30,
            "n": n,
            "n_events": events,
            "n_unknown": 2,
            "definition": "Clavien-Dindo grade at least 1 within 30 days",
            "parts": [],
            "models": {
                "preoperative": _binary_model(n, events, auroc),
                "with_plan": _binary_model(n, events, auroc + 0.05),
            },
            "comparators": {"tumour_size": _comparator(n, events, auroc - 0.03)},
        },
        "major_complication": {
            "label": "Major complication",
            "kind": "binary",
            "horizon_days": 30,
            "n": n,
            "n_events": 7,
            "n_unknown": 0,
            "definition": "Clavien-Dindo grade at least 3a",
            "parts": [],
            "models": {"preoperative": _withheld_model(n), "with_plan": _withheld_model(n)},
            "comparators": {},
        },
        "length_of_stay": {
            "label": "Length of stay",
            "kind": "duration",
            "horizon_days": None,
            "n": n,
            "n_events": None,
            "n_unknown": 0,
            "definition": "days from operation to discharge",
            "parts": [],
            "models": {"preoperative": _duration_model(n)},
            "comparators": {},
        },
        "overall_survival": {
            "label": "Death from any cause",
            "kind": "time_to_event",
            "horizon_days": 1095,
            "n": n,
            "n_events": 14,
            "n_unknown": 1,
            "definition": "time from operation to death; alive cases censored at last contact",
            "parts": [],
            "models": {"preoperative": _survival_model(n)},
            "comparators": {},
        },
    }


def _binary_model(n: int, events: int, auroc: float) -> dict[str, Any]:
    metric = {
        "auroc": estimate(auroc, 0.11, n, events),
        "average_precision": estimate(0.44, 0.12, n, events),
        "brier": estimate(0.182, 0.03, n, events),
        "scaled_brier": estimate(0.06, 0.09, n, events),
        "oe_ratio": estimate(1.08, 0.36, n, events),
        "citl": estimate(-0.11, 0.5, n, events),
        "slope": estimate(0.84, 0.45, n, events),
        "sensitivity": estimate(0.68, 0.18, n, events),
        "specificity": estimate(0.63, 0.12, n, events),
        "precision": estimate(0.45, 0.14, n, events),
        "npv": estimate(0.81, 0.1, n, events),
        "accuracy": estimate(0.64, 0.1, n, events),
    }
    return {
        "metrics": metric,
        "calibration_curve": _curve(),
        "risk_histogram": _histogram(),
        "threshold": {"value": 0.31, "provenance": "Youden index on inner out-of-fold risks of the development cases"},
        "subgroups": _subgroups(n, events, auroc),
        "rung": "clinical",
        "ladder": [
            {"rung": "one_number", "metrics": {"auroc": estimate(auroc - 0.03, 0.12, n, events)},
             "difference": estimate(0.03, 0.07, n, events)},
            {"rung": "clinical", "metrics": {"auroc": estimate(auroc, 0.11, n, events)}, "difference": None},
            {"rung": "clinical_radiomics", "metrics": {"auroc": estimate(auroc + 0.01, 0.11, n, events)},
             "difference": estimate(-0.01, 0.05, n, events)},
        ],
    }  # fmt: skip


def _curve() -> dict[str, Any]:
    x = np.linspace(0.05, 0.8, 40)
    y = 0.05 + 0.85 * x
    return {"kind": "spline", "risk": x.tolist(), "observed": y.tolist(), "low": (y * 0.7).tolist(),
            "high": np.minimum(1, y * 1.3 + 0.05).tolist(), "definition": "a spline of logit risk"}  # fmt: skip


def _histogram() -> dict[str, Any]:
    return {
        "edges": np.linspace(0, 1, 11).tolist(),
        "events": [0, 1, 3, 5, 4, 4, 3, 2, 0, 0],
        "non_events": [2, 9, 11, 7, 5, 2, 1, 1, 0, 0],
    }


def _subgroups(n: int, events: int, auroc: float) -> list[dict[str, Any]]:
    half, part = n // 2, events // 2
    return [
        {"variable": "sex", "group": "female", "n": half, "n_events": part,
         "metrics": {"auroc": estimate(auroc - 0.04, 0.17, half, part)}},
        {"variable": "sex", "group": "male", "n": n - half, "n_events": events - part,
         "metrics": {"auroc": estimate(auroc + 0.03, 0.15, n - half, events - part)}},
        {"variable": "age", "group": "65 or older", "n": 12, "n_events": 7, "metrics": {"auroc": withheld(12, 7)}},
        {"variable": "diabetes", "group": "yes", "n": None, "n_events": None, "metrics": {}},
    ]  # fmt: skip


def _comparator(n: int, events: int, auroc: float) -> dict[str, Any]:
    return {
        "label": "tumour size",
        "metrics": {"auroc": estimate(auroc, 0.12, n, events)},
        "difference": {"preoperative": estimate(0.03, 0.08, n, events), "with_plan": estimate(0.08, 0.05, n, events)},
    }


def _withheld_model(n: int) -> dict[str, Any]:
    return {
        "metrics": {"auroc": withheld(n, 7), "slope": withheld(n, 7)},
        "calibration_curve": None,
        "risk_histogram": None,
        "threshold": None,
        "subgroups": [],
        "rung": "one_number",
        "ladder": [],
    }


def _duration_model(n: int) -> dict[str, Any]:
    return {**_withheld_model(n), "rung": "clinical", "metrics": {
        "concordance": estimate(0.64, 0.07, n), "mae": estimate(1.6, 0.3, n),
        "bias": estimate(-0.2, 0.4, n)}}  # fmt: skip


def _survival_model(n: int) -> dict[str, Any]:
    return {**_withheld_model(n), "rung": "clinical", "calibration_curve": _curve(), "metrics": {
        "harrell_c": estimate(0.73, 0.12, n, 14), "brier_t": estimate(0.11, 0.03, n, 14),
        "oe_ratio_t": estimate(1.2, 0.5, n, 14)}}  # fmt: skip


def flow() -> list[dict[str, Any]]:
    return [
        {"step": "table", "reason": "", "n_left": 96, "n_excluded": 0},
        {"step": "adults", "reason": "under 18 years", "n_left": 92, "n_excluded": 4},
        {"step": "outcome known", "reason": "no follow-up recorded", "n_left": 90, "n_excluded": 2},
    ]


def findings() -> list[dict[str, Any]]:
    return [
        {"code": "many_fragments", "level": "review", "message": "mask has 14 separate pieces; expected at most 3",
         "case_ids": ["E003", "E007"]},
        {"code": "missing_rate", "level": "note", "message": "albumin is missing in 31 of 90 cases", "case_ids": []},
    ]  # fmt: skip


def ladder() -> dict[str, Any]:
    unit = {
        "chosen": "clinical",
        "reason": "the simplest rung within one standard error of the best (clinical radiomics)",
        "rungs": [{"rung": "one_number", "score": 0.68, "standard_error": 0.03},
                  {"rung": "clinical", "score": 0.71, "standard_error": 0.03},
                  {"rung": "clinical_radiomics", "score": 0.72, "standard_error": 0.03}],
    }  # fmt: skip
    return {
        "any_complication": {"preoperative": unit, "with_plan": unit},
        "major_complication": {"preoperative": unit},
        "length_of_stay": {"preoperative": unit},
        "overall_survival": {"preoperative": unit},
    }
