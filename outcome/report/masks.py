"""Who drew the masks, and how well they agree with given ones: rows of text for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcome.report.numbers import count, format_estimate, format_number, is_number
from outcome.report.wording import partition_title

Json = Mapping[str, Any]
DRAWN_BY = {
    "cross_fitted": "each mask was drawn by a network that never saw this patient (cross-fitting)",
    "final network": "the masks were drawn by the bundle's network, which saw none of these patients",
}
OUTLINED = {
    "network": "by what this network would outline more cautiously or more generously",
    "changed": "by changing the mask by a stated amount",
}
NOT_COMPARED = "no given mask to compare with"


@dataclass(frozen=True)
class MaskRow:
    """One region of one group of cases, as text."""

    region: str
    compared: str
    dice: str
    median: str
    worst: str
    missed: str
    bias: str


@dataclass(frozen=True)
class MaskGroup:
    """One group of cases: who drew its masks, and the rows of its regions."""

    title: str
    drawn_by: str
    drawn: str
    network: str
    rows: list[MaskRow]
    ranges: str = ""  # what the ranges of risks over other outlines stand on; "" where none was asked for


def mask_groups(metrics: Json) -> list[MaskGroup]:
    """Every partition with learned masks, in the order of `metrics.json`; empty where masks were handed over."""
    return [
        _group(partition_title(name, partition), partition["masks"])
        for name, partition in (metrics.get("partitions") or {}).items()
        if partition.get("masks")
    ]


def _group(title: str, masks: Json) -> MaskGroup:
    return MaskGroup(
        title=title,
        drawn_by=DRAWN_BY.get(str(masks.get("source")), str(masks.get("source"))),
        drawn=count(masks.get("n_drawn")),
        network=str(masks.get("network")),
        rows=[_row(name, region) for name, region in (masks.get("regions") or {}).items()],
        ranges=_ranges(masks.get("outlines") or {}),
    )


def _ranges(outlines: Json) -> str:
    told = [f"{count(n)} cases {OUTLINED[kind]}" for kind, n in outlines.items() if kind in OUTLINED and n]
    return f"Ranges of risks over other outlines (outlines.parquet): {'; '.join(told)}." if told else ""


def _row(name: str, region: Json) -> MaskRow:
    return MaskRow(
        region=name.replace("_", " "),
        compared=count(region.get("cases")),
        dice=format_estimate(region.get("dice")),
        median=_number(region.get("median_dice")),
        worst=_number(region.get("worst")),
        missed=count(region.get("missed")),
        bias=format_estimate(region.get("volume_bias"), decimals=1, unit=str(region.get("volume_unit")), signed=True),
    )


def _number(value: object) -> str:
    return format_number(float(value)) if is_number(value) else NOT_COMPARED
