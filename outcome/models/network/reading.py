"""Images read once: rows about one case, of which an explanation asks hundreds, share what its images alone give.

The same numbers in the same order of operations, so that no bit of a score changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from torch import Tensor

from outcome.models.inputs import Inputs
from outcome.models.network.data import Batch
from outcome.models.network.region_statistics import region_statistics
from outcome.models.network.tokens import ImageToken

Made = Mapping[str, Tensor]  # by image block


def read_batches(images: Mapping[str, ImageToken], inputs: Inputs, tensors: Callable[[int], Batch]) -> Iterator[Batch]:
    """The batch `tensors(i)` of each row, one after the other, with what its images alone give already made."""
    measured, seen = dict[str, Tensor](), dict[str, Tensor]()
    case = ""
    for i in range(len(inputs)):
        name = inputs.case_ids[i] if inputs.case_ids else ""
        if not name or name != case:
            measured, seen, case = {}, {}, name
        batch = tensors(i)
        there = {block: crop for block, crop in batch.images.items() if len(crop)}
        for block, crop in there.items():
            if block not in measured:
                measured[block] = region_statistics(crop)
                encoded = images[block].encode(crop)
                if encoded is not None:
                    seen[block] = encoded
        yield replace(batch, measured=_of(measured, there), seen=_of(seen, there))


def _of(made: Made, blocks: Made) -> Made:
    return {block: tensor for block, tensor in made.items() if block in blocks}
