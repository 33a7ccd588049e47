"""A small `metrics.json` whose every number can be checked by eye."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Numbers = Callable[..., dict[str, Any]]


def number(value: float | None, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "level": 0.95, "method": "by hand", "n": 90, "n_events": 23,
            "withheld": None, **more}  # fmt: skip


@pytest.fixture
def estimate() -> Numbers:
    return number


@pytest.fixture
def metrics() -> dict[str, Any]:
    return {
        "schema_version": 1,
        "study": "hand",
        "title": "A study by hand",
        "bundle_id": "abc123",
        "created_by": "outcome 0.1.0",
        "partitions": {
            "development": {"label": "First cases", "relation": "development", "source": "out_of_fold", "n": 90,
                            "endpoints": {"complication": _endpoint()}},
            "later": {"label": "Later cases", "relation": "temporal", "source": "bundle", "n": 40,
                      "endpoints": {"complication": _few()}},
        },
        "flow": [],
        "findings": [],
    }  # fmt: skip


def _endpoint() -> dict[str, Any]:
    return {
        "label": "Any complication", "kind": "binary", "horizon_days": 30, "n": 90, "n_events": 23, "n_unknown": 2,
        "definition": "grade 1 or higher", "parts": [{"part": "died", "n": 90, "n_fulfilled": 3}],
        "models": {"preoperative": _model()},
        "comparators": {"size": {"label": "tumour size", "metrics": {"auroc": number(0.69, 0.58, 0.8)},
                                 "difference": {"preoperative": number(0.02, -0.04, 0.08)}}},
    }  # fmt: skip


def _model() -> dict[str, Any]:
    return {
        "metrics": {"auroc": number(0.71, 0.62, 0.79), "slope": number(-0.1, -0.5, 0.3),
                    "sensitivity": number(0.6, 0.4, 0.8)},
        "calibration_curve": {"kind": "spline", "definition": "a spline of logit risk", "risk": [0.1, 0.3, 0.6],
                              "observed": [0.1, 0.35, 0.5], "low": [0.05, 0.2, 0.3],
                              "high": [0.2, 0.5, 0.7]},
        "risk_histogram": {"edges": [0.0, 0.5, 1.0], "events": [10, 13], "non_events": [50, 17]},
        "threshold": {"value": 0.25, "provenance": "chosen on development cases"},
        "subgroups": [
            {"variable": "sex", "group": "female", "n": 40, "n_events": 11,
             "metrics": {"auroc": number(0.66, 0.5, 0.82)}},
            {"variable": "sex", "group": "<script>x</script>", "n": None, "n_events": None, "metrics": {}},
        ],
        "rung": "clinical",
        "ladder": [
            {"rung": "one_number", "metrics": {"auroc": number(0.69, 0.58, 0.8)},
             "difference": number(0.02, -0.04, 0.08)},
            {"rung": "clinical", "metrics": {"auroc": number(0.71, 0.62, 0.79)}, "difference": None},
        ],
    }  # fmt: skip


def _few() -> dict[str, Any]:
    reason = "7 events; at least 10 are needed"
    model: dict[str, Any] = {"metrics": {"auroc": number(None, withheld=reason)},
             "calibration_curve": None, "risk_histogram": None,
             "threshold": None, "subgroups": [], "rung": "clinical", "ladder": []}  # fmt: skip
    return {
        "label": "Any complication", "kind": "binary", "horizon_days": 30, "n": 40, "n_events": 7, "n_unknown": 0,
        "definition": "grade 1 or higher", "parts": [], "models": {"preoperative": model}, "comparators": {},
    }  # fmt: skip
