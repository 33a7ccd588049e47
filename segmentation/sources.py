"""The cases a segmenter learns from, read and resampled once and kept in memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from segmentation.augment import Source
from segmentation.device import check_memory
from segmentation.errors import ImageRefusal
from segmentation.nifti_header import read_header
from segmentation.plan import SegmenterPlan
from segmentation.preprocess import network_shape, prepare_image, prepare_mask, upright_spacing
from segmentation.reading import read_image, read_mask
from segmentation.training_case import TrainingCase
from segmentation.types import Grid

SPOTS = 4000  # places kept of each region
VALIDATION_SHARE, VALIDATION_PATIENTS = 0.1, 6


def read_sources(cases: Sequence[TrainingCase], plan: SegmenterPlan, *, limit_bytes: int | None = None) -> list[Source]:
    """Every case as the network sees it, by case id; the order of `cases` does not matter.

    Raises ImageRefusal: `no_cases`, `duplicate_case`, `too_large` before anything is read, `nothing_to_learn` where no
    mask holds a region, and what reading a file raises, with the case's name.
    """
    names = [case.case_id for case in cases]
    if not names:
        raise ImageRefusal("no_cases", "There is nothing to learn from.", expected="at least one case", found="none")
    if len(set(names)) != len(names):
        raise ImageRefusal("duplicate_case", "A case is named twice.", expected="distinct ids", found=str(len(names)))
    ordered = sorted(cases, key=lambda case: case.case_id)
    check_memory(
        _needed(ordered, plan),
        limit_bytes,
        what=f"{len(ordered)} training cases at the plan's voxels",
        remedy="take a coarser voxel, or fewer cases",
    )
    sources = [_source(case, plan) for case in ordered]
    if not any(source.spots for source in sources):
        found = f"{len(sources)} masks without a voxel of {sorted(plan.regions)}"
        step = "check the labels of the regions"
        raise ImageRefusal("nothing_to_learn", "No mask holds a region.", expected="one", found=found, next_step=step)
    return sources


def hold_out(sources: Sequence[Source], seed: int) -> tuple[list[Source], list[Source]]:
    """Those to learn from and those that tell when to stop: a tenth of the patients, at least one, at most six.

    Decided by patient ids and the seed alone among the patients whose masks hold most regions, so that there is
    something to judge by. A single patient is learned from, and nothing is held out.
    """
    held: dict[str, int] = {}
    for source in sources:
        held[source.patient_id] = max(held.get(source.patient_id, 0), len(source.spots))
    if len(held) < 2:
        return list(sources), []
    order = sorted(held, key=lambda name: (-held[name], hashlib.sha256(f"{seed}:{name}".encode()).digest()))
    chosen = set(order[: min(VALIDATION_PATIENTS, max(1, round(VALIDATION_SHARE * len(held))))])
    return (
        [source for source in sources if source.patient_id not in chosen],
        [source for source in sources if source.patient_id in chosen],
    )


def fingerprint_of(sources: Sequence[Source], plan: SegmenterPlan) -> str:
    """What is trained on what, as hex: the plan and every voxel of the cases."""
    digest = hashlib.sha256(plan.to_text().encode())
    for source in sources:
        digest.update(f"{source.case_id}\0{source.patient_id}\0{source.spacing_mm}".encode())
        for array in (source.image.numpy(), source.classes.numpy()):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _needed(cases: Sequence[TrainingCase], plan: SegmenterPlan) -> int:
    """Bytes: a float and a byte a voxel for all, and the largest as filed while it is read."""
    grids = []
    for case in cases:
        with _naming(case):
            grids.append(read_header(case.image).grid)
    kept = sum(math.prod(network_shape(grid, plan)) * 5 for grid in grids)
    return kept + max(math.prod(grid.shape) for grid in grids) * 16


def _source(case: TrainingCase, plan: SegmenterPlan) -> Source:
    with _naming(case):
        volume = read_image(case.image)
        image = prepare_image(volume, plan) - np.float32(plan.fill)
        classes = prepare_mask(read_mask(case.mask, plan.regions), volume.grid, plan)
    spacing, spots = _spacing(volume.grid, plan), _spots(classes, case.case_id)
    return Source(case.case_id, case.patient, torch.from_numpy(image), torch.from_numpy(classes), spots, spacing)


@contextmanager
def _naming(case: TrainingCase) -> Iterator[None]:
    """A refusal from within says which case it is about."""
    try:
        yield
    except ImageRefusal as error:
        message = f"case {case.case_id}: {error.message}"
        raise ImageRefusal(
            error.code, message, expected=error.expected, found=error.found, next_step=error.next_step
        ) from error


def _spacing(grid: Grid, plan: SegmenterPlan) -> tuple[float, float, float]:
    return plan.voxel or upright_spacing(grid)


def _spots(classes: npt.NDArray[np.uint8], case_id: str) -> dict[int, npt.NDArray[np.intp]]:
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8], "big"))
    found = {}
    for number in np.unique(classes[classes > 0]).tolist():
        places = np.argwhere(classes == number)
        found[number] = places if len(places) <= SPOTS else rng.permutation(places)[:SPOTS]
    return found
