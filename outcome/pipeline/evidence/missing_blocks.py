"""How many cases lack a whole block of inputs, here and among the development cases?"""

from __future__ import annotations

from typing import Any

from outcome.evaluation.intervals import measured, wilson
from outcome.features.crops import IMAGE_PREFIX
from outcome.pipeline.evidence.reference import columns_of, features_of, reference_of
from outcome.pipeline.evidence.scene import PartitionCases
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT, suppressed_parts
from outcome.types import Estimate

HIDDEN = f"suppressed: fewer than {SUPPRESSION_LIMIT} cases lack it, or have it"
LABELS = {"clinical": "Health record", "plan": "Planned procedure", "genomics": "Genomics", "radiomics": "Radiomics"}


def missing_blocks(cases: PartitionCases) -> dict[str, Any]:
    """One row a block. A case lacks a block where every column of it is missing."""
    told, frame = reference_of(cases.scene), features_of(cases)
    blocks: dict[str, list[str]] = {}
    for column in columns_of(cases.scene):
        blocks.setdefault(column.block, []).append(column.name)
    rows = []
    for block, names in blocks.items():
        absent = int(frame[names].isna().all(axis=1).sum())
        before = told.get("blocks", {}).get(block, {}).get("missing")
        share = None if before is None or not told["n"] else before / told["n"]
        rows.append({"block": block, "label": _label(block), **_counted(absent, len(frame)),
                     "development_share": share})  # fmt: skip
    return {"blocks": rows}


def _counted(absent: int, n: int) -> dict[str, Any]:
    told = suppressed_parts([absent, n - absent])[0]
    if told is None or not n:
        return {"n_missing": told, "share": Estimate.withhold(HIDDEN if n else "no case", n=n).to_json()}
    share = measured(told / n, wilson(told, n), method="Wilson", n=n)
    return {"n_missing": told, "share": share.to_json()}


def _label(block: str) -> str:
    return f"Image {block.removeprefix(IMAGE_PREFIX)}" if block.startswith(IMAGE_PREFIX) else LABELS.get(block, block)
