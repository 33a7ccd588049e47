"""Every question that is asked beyond the plain numbers, by its name in metrics.json (docs/store.md).

A part is JSON: an empty one says that the question has no meaning here, one with `withheld` why it has no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outcome.pipeline.evidence.acting import acting
from outcome.pipeline.evidence.advice import advice
from outcome.pipeline.evidence.case_mix import case_mix
from outcome.pipeline.evidence.conformal import conformal
from outcome.pipeline.evidence.details import details
from outcome.pipeline.evidence.information import information
from outcome.pipeline.evidence.instability import instability
from outcome.pipeline.evidence.missing_blocks import missing_blocks
from outcome.pipeline.evidence.missing_sensitivity import missing_sensitivity
from outcome.pipeline.evidence.precision import precision
from outcome.pipeline.evidence.published import comparators
from outcome.pipeline.evidence.readers import readers
from outcome.pipeline.evidence.risk_groups import risk_groups
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases, PartitionCases
from outcome.pipeline.evidence.shift import shift
from outcome.pipeline.evidence.sites import sites
from outcome.pipeline.evidence.within_folds import within_folds

Json = Any
PARTITION_PARTS: Mapping[str, Callable[[PartitionCases], Json]] = {
    "case_mix": case_mix,
    "shift": shift,
    "missing_blocks": missing_blocks,
}
ENDPOINT_PARTS: Mapping[str, Callable[[EndpointCases, Sequence[ModelCases]], Json]] = {
    "comparators": comparators,
    "readers": readers,
}
MODEL_PARTS: Mapping[str, Callable[[ModelCases], Json]] = {
    "acting": acting,
    "sites": sites,
    "precision": precision,
    "advice": advice,
    "risk_groups": risk_groups,
    "conformal": conformal,
    "details": details,
    "instability": instability,
    "missing_sensitivity": missing_sensitivity,
    "information": information,
    "within_folds": within_folds,
}
