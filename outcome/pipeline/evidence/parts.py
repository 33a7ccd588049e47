"""Every question that is asked beyond the plain numbers, by its name in metrics.json (docs/store.md).

A part is JSON: an empty one says that the question has no meaning here, one with `withheld` why it has no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outcome.pipeline.evidence.one_number import one_number
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases, PartitionCases

Json = Any
PARTITION_PARTS: Mapping[str, Callable[[PartitionCases], Json]] = {}
ENDPOINT_PARTS: Mapping[str, Callable[[EndpointCases, Sequence[ModelCases]], Json]] = {"comparators": one_number}
MODEL_PARTS: Mapping[str, Callable[[ModelCases], Json]] = {}
