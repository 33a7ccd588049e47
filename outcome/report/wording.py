"""The words a reader sees for names in the artefacts: metrics, partitions, input sets, rungs.

The words for how a partition relates to the development cases stand only here, so that a later batch of the same
institution can never be called external.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcome.report.numbers import horizon_words, is_number

BANNER = "Research use only — not a medical device"


@dataclass(frozen=True)
class Metric:
    """How a metric is shown: its name, unit ("" = a pure number), decimals, and what it means in one line."""

    label: str
    meaning: str
    decimals: int = 2
    unit: str = ""
    null: float | None = None  # the value that means "no information" or "perfect agreement", drawn as a line


METRICS: Mapping[str, Metric] = {
    "auroc": Metric(
        "AUC (ROC)", "chance that a case with the event is ranked above one without; 0.5 is a coin", null=0.5
    ),
    "average_precision": Metric(
        "Average precision", "area under the precision-recall curve; compare with the event rate"
    ),
    "brier": Metric("Brier score", "mean squared error of the risk; lower is better", decimals=3),
    "scaled_brier": Metric(
        "Scaled Brier score", "share of the event-rate model's error removed; 0 is no better", null=0.0
    ),
    "log_loss": Metric("Log loss", "mean surprise at what happened; lower is better", decimals=3),
    "oe_ratio": Metric("Observed / expected", "events seen per event predicted; 1 is right on average", null=1.0),
    "citl": Metric("Calibration intercept", "log-odds shift at slope 1; 0 is right on average", null=0.0),
    "slope": Metric("Calibration slope", "1 is right; below 1 the risks are too extreme", null=1.0),
    "ici": Metric("ICI", "mean distance between observed and predicted risk; lower is better", decimals=3),
    "e50": Metric("E50", "half of the cases have a smaller distance than this", decimals=3),
    "e90": Metric("E90", "nine cases in ten have a smaller distance than this", decimals=3),
    "sensitivity": Metric("Sensitivity", "share of events flagged at the threshold"),
    "specificity": Metric("Specificity", "share of non-events not flagged at the threshold"),
    "precision": Metric("Precision", "share of flagged cases that have the event"),
    "recall": Metric("Recall", "the same number as sensitivity"),
    "npv": Metric("Negative predictive value", "share of unflagged cases without the event"),
    "accuracy": Metric("Accuracy", "share of cases classified rightly; compare with the larger class"),
    "net_benefit": Metric(
        "Net benefit", "cases treated rightly, less those treated needlessly, per case", decimals=3, null=0.0
    ),
    "harrell_c": Metric(
        "Harrell's C", "chance that the earlier event of a pair has the higher score; 0.5 is a coin", null=0.5
    ),
    "uno_c": Metric("Uno's C", "as Harrell's C, had nobody been censored; 0.5 is a coin", null=0.5),
    "brier_t": Metric("Brier score", "squared error of the risk at the horizon; lower is better", decimals=3),
    "scaled_brier_t": Metric("Scaled Brier score", "share of the incidence's error removed at the horizon", null=0.0),
    "citl_t": Metric("Calibration intercept", "log-hazard shift at the horizon; 0 is right on average", null=0.0),
    "slope_t": Metric("Calibration slope", "1 is right; below 1 the risks at the horizon are too extreme", null=1.0),
    "ici_t": Metric("ICI", "mean distance between observed and predicted risk at the horizon", decimals=3),
    "e50_t": Metric("E50", "half of the cases have a smaller distance at the horizon", decimals=3),
    "e90_t": Metric("E90", "nine cases in ten have a smaller distance at the horizon", decimals=3),
    "oe_ratio_t": Metric("Observed / expected", "cumulative events seen per event predicted at the horizon", null=1.0),
    "auc_t": Metric("AUC at the horizon", "ranking of cases with the event by the horizon; 0.5 is a coin", null=0.5),
    "mae": Metric("Mean absolute error", "average size of the error; lower is better"),
    "median_ae": Metric("Median absolute error", "half of the errors are smaller"),
    "r2": Metric("R²", "share of the variance explained; 0 is no better than the mean", null=0.0),
    "concordance": Metric(
        "Concordance", "chance that the larger of a pair is predicted larger; 0.5 is a coin", null=0.5
    ),
    "bias": Metric("Bias", "predicted minus observed, on average", null=0.0),
}
AMOUNT_METRICS = ("mae", "median_ae", "bias")  # these carry the unit of the endpoint
LOWER_IS_BETTER = ("brier", "brier_t", "mae")  # among those that are compared between rungs
DISCRIMINATION = ("auroc", "average_precision", "harrell_c", "uno_c", "auc_t", "concordance", "r2")
CALIBRATION = (
    "oe_ratio",
    "citl",
    "slope",
    "ici",
    "e50",
    "e90",
    "brier",
    "scaled_brier",
    "log_loss",
    "oe_ratio_t",
    "citl_t",
    "slope_t",
    "ici_t",
    "e50_t",
    "e90_t",
    "brier_t",
    "scaled_brier_t",
    "mae",
    "median_ae",
    "bias",
)
AT_THRESHOLD = ("sensitivity", "specificity", "precision", "recall", "npv", "accuracy", "net_benefit")

PRIMARY: Mapping[str, str] = {
    "binary": "auroc",
    "time_to_event": "harrell_c",
    "duration": "concordance",
    "ordinal": "concordance",
    "continuous": "concordance",
}
KINDS: Mapping[str, str] = {
    "binary": "yes or no",
    "time_to_event": "time to an event",
    "duration": "duration",
    "ordinal": "ordered grades",
    "continuous": "measured value",
}
INPUTS: Mapping[str, str] = {"preoperative": "preoperative", "with_plan": "preoperative + plan"}
INPUTS_MEANING: Mapping[str, str] = {
    "preoperative": "only what is known before the operation",
    "with_plan": "also the planned procedure",
}
_RELATIONS: Mapping[str, str] = {
    "temporal": "later batch (temporal validation in the same institution, not external)",
    "geographic": "other sites (geographic validation)",
    "external": "external validation (independent institution)",
}
_CAN_SHOW: Mapping[str, str] = {
    "out_of_fold": "how well the modelling procedure does on patients of the same kind that it did not see",
    "temporal": "whether the frozen model still works on later patients of the same institution",
    "geographic": "whether the frozen model works at other sites of the same setting",
    "external": "whether the frozen model works at an institution that had no part in making it",
}


def metric_of(name: str) -> tuple[Metric, str]:
    """The metric's description and its label, which names the horizon where the name carries one (`auc_t@1095`)."""
    base, _, horizon = name.partition("@")
    metric = METRICS.get(base, Metric(base.replace("_", " "), ""))
    return metric, f"{metric.label}, {horizon_words(_day(horizon))}" if horizon else metric.label


def with_metric_labels(text: str) -> str:
    """A recorded sentence with metrics called as in the tables ("harrell_c" becomes "Harrell's C")."""
    return re.sub(r"\b(auroc|harrell_c)\b", lambda found: METRICS[found.group()].label, text)


def _day(text: str) -> float | None:
    return float(text) if is_number(text) else None


def partition_words(partition: Mapping[str, Any]) -> str:
    """How a partition's cases relate to those the model was made from; the wording is closed.

    Development cases are "out-of-fold" unless the frozen model was applied to them, which flatters it.
    """
    if partition.get("relation") == "development":
        if partition.get("source") == "out_of_fold":
            return "development (out-of-fold)"
        return "development (apparent: the model has seen these cases, so the numbers flatter it)"
    return _RELATIONS.get(str(partition.get("relation")), "relation to the development cases not stated")


def partition_title(name: str, partition: Mapping[str, Any]) -> str:
    """The study's own label with the closed wording behind it."""
    label = str(partition.get("label") or name)
    words = partition_words(partition)
    return label if label.casefold() == words.casefold() else f"{label}: {words}"


def can_show(partition: Mapping[str, Any]) -> str:
    """What numbers from such cases can show, in plain words."""
    if partition.get("relation") == "development":
        if partition.get("source") == "out_of_fold":
            return _CAN_SHOW["out_of_fold"]
        return "nothing about new patients: the model has seen these cases"
    return _CAN_SHOW.get(str(partition.get("relation")), "nothing that can be named, as the relation was not stated")


def inputs_words(inputs: str) -> str:
    """An input set's name for readers."""
    return INPUTS.get(inputs, inputs.replace("_", " "))


def rung_words(rung: str) -> str:
    """A rung's name for readers."""
    return rung.replace("_", " ").strip()


def amount_unit(endpoint: Mapping[str, Any]) -> str:
    """The unit of a predicted amount: as recorded, days for a duration, else empty."""
    unit = str(endpoint.get("unit") or "")
    return unit or ("days" if endpoint.get("kind") == "duration" else "")


def primary_metric(kind: str) -> str:
    """The metric that ranks models of this kind of endpoint; higher is better for all of them."""
    return PRIMARY.get(kind, "auroc")
