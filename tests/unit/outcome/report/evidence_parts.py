"""Every optional part of metrics.json (docs/store.md) in its smallest form, each with a word of its own."""

from __future__ import annotations

from typing import Any

EVIL = "<script>alert(2)</script>"


def number(value: float | None = 0.7, low: float | None = 0.6, high: float | None = 0.8) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "level": 0.95, "method": "by hand", "n": 90, "n_events": 23,
            "withheld": None}  # fmt: skip


TOP: dict[str, Any] = {
    "integrity": {
        "checks": [{"check": "overlap", "status": "not_checked", "message": f"MARK-integrity {EVIL}"}],
        "evaluations": {"data_sha256": "ab", "number": 3, "earlier": [{"bundle_id": "old", "study": "s"}]},
        "protocol": {"sha256": "cd", "fixed_at": "2026-01-01", "agrees": False, "deviations": ["other threshold"]},
    }
}
PARTITION: dict[str, Any] = {
    "case_mix": {
        "variables": [
            {"variable": "age", "label": f"Age MARK-case-mix {EVIL}", "unit": "years", "kind": "number",
             "development": {"n": 90, "missing": 3, "mean": 60.0, "sd": 9.0, "quantiles": {"0.5": 61.0}},
             "here": {"n": 40, "missing": 0, "mean": 61.5, "sd": 8.0, "quantiles": {}},
             "standardised_difference": 0.18, "flag": "unit", "message": "looks like months"},
            {"variable": "sex", "label": "Sex", "unit": "", "kind": "category",
             "development": {"n": 90, "missing": 0, "counts": {"f": 40, "x": None}},
             "here": {"n": 40, "missing": 0, "counts": {"f": 20}}, "standardised_difference": None, "flag": "",
             "message": ""},
        ],
        "outcomes": [{"endpoint": "e", "label": "Any", "development": {"n": 90, "n_events": 23},
                      "here": {"n": 40, "n_events": None}}],
    },
    "shift": {
        "membership": {"auroc": number(), "columns": 12, "words": "MARK-shift"},
        "linear_predictors": [{"endpoint": "e", "label": "Any", "inputs": "preoperative",
                               "development": {"mean": -1.0, "sd": 0.5}, "here": {"mean": -0.8, "sd": 0.4},
                               "sd_ratio": number(), "mean_difference": number()}],
        "words": EVIL,
    },
    "missing_blocks": {"blocks": [{"block": "ct", "label": "CT MARK-missing-data", "n_missing": 4, "share": number(),
                                   "development_share": 0.1}]},
    "multiplicity": {"family": "MARK-multiplicity", "rows": [{"endpoint": "e", "label": EVIL, "inputs": "preoperative",
                     "comparison": "size", "p_value": 0.0004, "holm": 0.04, "benjamini_hochberg": 0.02}]},
}  # fmt: skip
ENDPOINT: dict[str, Any] = {
    "readers": {
        "readers": [{"name": "r1", "label": f"MARK-readers {EVIL}", "auroc": number(), "n": 40}],
        "readers_are": "fixed",
        "models": {"preoperative": {
            "difference": number(), "p_value": 0.2,
            "by_reader": [{"name": "r1", "difference": number(), "p_value": 0.3}],
            "net_benefit": [{"threshold": 0.2, "model": number(),
                             "readers": [{"name": "r1", "net_benefit": number(), "difference": number()}]}],
            "model_adds": {"p_value": 0.04, "auroc_change": number()},
            "readers_add": {"p_value": 0.5, "auroc_change": number()}}},
    }
}  # fmt: skip
MODEL: dict[str, Any] = {
    "conformal": {"rows": [{"level": 0.9, "kind": "set", "coverage": number(), "size": number(),
                            "by_site": [{"site": EVIL, "n": 20, "coverage": number()}],
                            "by_subgroup": [{"variable": "Age MARK-by-subgroup", "group": EVIL, "n": None,
                                             "coverage": number()}]}], "words": "MARK-conformal"},
    "details": {"n": 90, "words": f"MARK-details {EVIL}",
                "grades": [{"grade": 1.0, "label": f"IIIa {EVIL}", "observed": number(23, 16, 32), "expected": 21.34}],
                "quantiles": {"low_level": 0.1, "high_level": 0.9, "coverage": number(0.78, 0.68, 0.85),
                              "rows": [{"level": 0.1, "below": number(0.12, 0.07, 0.2)}]},
                "incidence": [{"cause": cause, "days": day, "predicted": 0.1, "observed": number(0.1, 0.05, 0.2)}
                              for cause in ("event", "competing") for day in (30.0, 60.0)]},
    "instability": {"refits": 20, "mean_absolute_difference": 0.04, "quantiles": {"0.9": 0.1},
                    "points": [[0.2, 0.1, 0.3], [0.5, 0.3, 0.8]], "words": f"MARK-instability {EVIL}"},
    "information": {"level": 0.5, "n": 40, "n_below": None, "words": "MARK-information", "rows": []},
    "missing_sensitivity": {"rows": [{"group": f"MARK-sensitivity {EVIL}", "n": 30, "n_events": None,
                                      "metrics": {"auroc": number(), "slope": number()}}], "words": ""},
    "sites": {"rows": [{"site": f"A {EVIL}", "n": 50, "n_events": 12, "metrics": {"auroc": number()}}],
              "pooled": [{"metric": "auroc", "estimate": number(), "prediction": number(0.7, 0.4, 0.9), "tau2": 0.1,
                          "i2": 0.4, "method": "REML"}], "words": "MARK-sites"},
    "internal_external": {
        "rows": [{"site": f"A {EVIL}", "n": 50, "n_events": 12, "metrics": {"auroc": number()}, "n_training": 100,
                  "rung": f"clinical {EVIL}", "skipped": None},
                 {"site": "B", "n": 40, "n_events": 11, "metrics": {"auroc": number()}, "n_training": 110, "rung": None,
                  "skipped": "MARK-no-model"}],
        "pooled": [], "words": "MARK-internal-external"},
    "within_folds": {
        "metric": "auroc", "folds": 5, "words": f"MARK-within-folds {EVIL}",
        "rows": [{"kind": "chosen", "name": "chosen", "estimate": number(), "folds": 4, "left_out": 1,
                  "difference": None, "p_value": None},
                 {"kind": "comparator", "name": f"Size MARK-fold-rival {EVIL}", "estimate": number(0.64, 0.5, 0.7),
                  "folds": 5, "left_out": 0, "difference": number(0.06, -0.01, 0.13), "p_value": 0.1}]},
    "precision": {"criteria": [{"metric": "oe_ratio", "n_needed": 400, "width_wanted": 0.4, "width_here": 0.8}],
                  "n": 90, "n_needed": 400, "enough": False, "words": "MARK-precision"},
    "advice": {"rung": "intercept", "tests": [{"test": "likelihood ratio", "p_value": 0.01}],
               "not_offered": {"refit": "too few"}, "n": 90, "n_events": 23, "words": f"MARK-updating {EVIL}"},
    "risk_groups": {"cuts": [0.2], "provenance": "MARK-risk-groups", "groups": [
        {"lower": None, "upper": 0.2, "n": 60, "n_events": 9, "mean_risk": 0.1, "observed": number(0.15, 0.1, 0.2),
         "curve": None},
        {"lower": 0.2, "upper": None, "n": 30, "n_events": 14, "mean_risk": 0.4, "observed": number(0.47, 0.3, 0.6),
         "curve": None}]},
}  # fmt: skip
# anchor of the page: (level, part)
ANCHORS = {
    "integrity": ("top", "integrity"),
    "case-mix": ("partition", "case_mix"),
    "shift": ("partition", "shift"),
    "missing-blocks": ("partition", "missing_blocks"),
    "multiplicity": ("partition", "multiplicity"),
    "readers": ("endpoint", "readers"),
    "conformal": ("model", "conformal"),
    "details": ("model", "details"),
    "instability": ("model", "instability"),
    # "missing-data" is also the topic of the missing blocks
    "cases-development-complication-preoperative-missing-data": ("model", "missing_sensitivity"),
    "information": ("model", "information"),
    "sites": ("model", "sites"),
    "internal-external": ("model", "internal_external"),
    "within-folds": ("model", "within_folds"),
    "precision": ("model", "precision"),
    "updating": ("model", "advice"),
    "risk-groups": ("model", "risk_groups"),
}
PARTS = {"top": TOP, "partition": PARTITION, "endpoint": ENDPOINT, "model": MODEL}


def places(metrics: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Where each level's parts go: the document, its first partition, endpoint and model."""
    partition = metrics["partitions"]["development"]
    endpoint = partition["endpoints"]["complication"]
    model = endpoint["models"]["preoperative"]
    return {"top": metrics, "partition": partition, "endpoint": endpoint, "model": model}
