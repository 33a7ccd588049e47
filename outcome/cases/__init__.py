"""One case from its files to numbers, by a recipe: the only place in the core where `segmentation` is called.

`process_case` does in memory what the segment and radiomics stages do by way of the store, and gives the same bits:
a mask is cropped at once, and everything measured depends on the crop as a file would hold it.
"""

from outcome.cases.blocks import OTHER_GRID, OTHER_GRID_NO_MASK, crop_case, crop_faults
from outcome.cases.glance import glance_case
from outcome.cases.inspection import inspect_case
from outcome.cases.masks import (
    SegmentedCase,
    Segmenter,
    case_mask_bytes,
    load_segmenter,
    own_mask,
    read_case_mask,
    segment_case,
    write_case_mask,
)
from outcome.cases.measuring import complete_settings, measure_case
from outcome.cases.processing import process_case, upright_case
from outcome.cases.refusing import refusing
from outcome.cases.repeats import drawn_outlines, drawn_repeats, measure_masks, measure_repeats, repeat_limits
from outcome.cases.several import no_probabilities, several_masks, tells_probabilities
from segmentation.display import Plane, Upright

__all__ = [
    "OTHER_GRID",
    "OTHER_GRID_NO_MASK",
    "Plane",
    "Upright",
    "SegmentedCase",
    "Segmenter",
    "case_mask_bytes",
    "complete_settings",
    "crop_case",
    "crop_faults",
    "drawn_outlines",
    "drawn_repeats",
    "glance_case",
    "inspect_case",
    "load_segmenter",
    "measure_case",
    "measure_masks",
    "measure_repeats",
    "no_probabilities",
    "own_mask",
    "process_case",
    "read_case_mask",
    "refusing",
    "repeat_limits",
    "segment_case",
    "several_masks",
    "tells_probabilities",
    "write_case_mask",
    "upright_case",
]
