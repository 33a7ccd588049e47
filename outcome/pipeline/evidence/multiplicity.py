"""When a model is asked to beat one number on many endpoints, on which does it still?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from outcome.evaluation.multiplicity import ADJUSTMENTS
from outcome.pipeline.evidence.one_number import RECORD

FAMILY = (
    "the chosen model against the study's one number, in each endpoint's primary metric, over all endpoints of these "
    "cases; every set of inputs is a family of its own; differences that are withheld do not count"
)


def multiplicity(endpoints: Mapping[str, Any]) -> dict[str, Any]:
    """p-values of one partition's primary comparisons, adjusted together: Holm (no false alarm at all) and
    Benjamini-Hochberg (share of false alarms).

    `endpoints` are the partition's entries of metrics.json. Empty where the study names no such number.
    """
    rows = list(_rows(endpoints))
    if not rows:
        return {}
    for inputs in dict.fromkeys(row["inputs"] for row in rows):
        family = {row["endpoint"]: row for row in rows if row["inputs"] == inputs}
        for name, adjust in ADJUSTMENTS.items():
            for endpoint, p in adjust({key: row["p_value"] for key, row in family.items()}).items():
                family[endpoint][name] = p
    return {"family": FAMILY, "rows": rows}


def _rows(endpoints: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, entry in endpoints.items():
        for rival, found in (entry.get("comparators") or {}).items():
            if found.get("source") == RECORD:
                for inputs, p in found["p_value"].items():
                    asked = {"endpoint": name, "label": entry["label"], "inputs": inputs}
                    yield {**asked, "comparison": f"model minus {rival}", "p_value": p}
