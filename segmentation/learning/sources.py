"""The cases a segmenter learns from, read and resampled once and kept in memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from segmentation.augmentation.augment import Source
from segmentation.device import check_memory
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan, scan_grid
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import network_shape, prepare_mask, prepare_part, upright_spacing
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
    check_images(ordered, plan, limit_bytes)
    sources = [_source(case, plan) for case in ordered]
    if not any(source.spots for source in sources):
        raise nothing_to_learn(len(sources), plan)
    return sources


def check_images(cases: Sequence[TrainingCase], plan: SegmenterPlan, limit_bytes: int | None = None) -> int:
    """Bytes that the cases take in memory. Raises ImageRefusal (`too_large`) above the limit (None: what is free)."""
    needed = _needed(cases, plan)
    check_memory(
        needed,
        limit_bytes,
        what=f"{len(cases)} training cases at the plan's voxels",
        remedy="take a coarser voxel, or fewer cases",
    )
    return needed


def nothing_to_learn(masks: int, plan: SegmenterPlan) -> ImageRefusal:
    """The refusal of cases whose masks hold no region."""
    found, step = f"{masks} masks without a voxel of {sorted(plan.regions)}", "check the labels of the regions"
    return ImageRefusal("nothing_to_learn", "No mask holds a region.", expected="one", found=found, next_step=step)


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


def class_counts(sources: Sequence[Source], classes: int) -> npt.NDArray[np.int64]:
    """How many voxels of each class, background first, the masks hold."""
    total = np.zeros(classes, dtype=np.int64)
    for source in sources:
        total += np.bincount(source.classes.numpy().ravel(), minlength=classes)
    return total


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
    """Bytes: a float a channel and a byte a voxel for all, and the largest as filed while it is read."""
    grids = []
    for case in cases:
        with naming(case.case_id):
            grids.append(scan_grid(case.images))
    channels = len(plan.inputs)
    kept = sum(math.prod(network_shape(grid, plan)) * (4 * channels + 1) for grid in grids)
    return kept + max(math.prod(grid.shape) for grid in grids) * (12 + 4 * channels)


def _source(case: TrainingCase, plan: SegmenterPlan) -> Source:
    with naming(case.case_id):
        scan = read_scan(case.images)
        part, box = prepare_part(scan, plan)
        image = part - np.float32(plan.fill)
        classes = np.ascontiguousarray(prepare_mask(read_mask(case.mask, plan.regions), scan[0].grid, plan)[box])
    spacing, spots = _spacing(scan[0].grid, plan), spots_of(classes, case.case_id)
    return Source(case.case_id, case.patient, torch.from_numpy(image), torch.from_numpy(classes), spots, spacing)


@contextmanager
def naming(case_id: str) -> Iterator[None]:
    """A refusal from within says which case it is about."""
    try:
        yield
    except ImageRefusal as error:
        message = f"case {case_id}: {error.message}"
        raise ImageRefusal(
            error.code, message, expected=error.expected, found=error.found, next_step=error.next_step
        ) from error


def _spacing(grid: Grid, plan: SegmenterPlan) -> tuple[float, float, float]:
    return plan.voxel or upright_spacing(grid)


def spots_of(classes: npt.NDArray[np.uint8], case_id: str) -> dict[int, npt.NDArray[np.intp]]:
    """Places of each region that is there, (n, 3), at most `SPOTS`; drawn by the case's name alone."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8], "big"))
    found = {}
    for number in np.unique(classes[classes > 0]).tolist():
        places = np.argwhere(classes == number)
        found[number] = places if len(places) <= SPOTS else rng.permutation(places)[:SPOTS]
    return found
