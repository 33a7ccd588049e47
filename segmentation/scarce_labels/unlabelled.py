"""Images without masks as a training sees them. No mask is opened here, whatever lies beside the images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from segmentation.augmentation.augment import Source
from segmentation.images.case_files import CaseFiles, image_cases
from segmentation.images.scans import read_scan
from segmentation.learning.sources import naming
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import prepare_part, upright_spacing
from segmentation.types import Volume


def unlabelled_cases(
    place: Path, labelled: Sequence[TrainingCase], inputs: Sequence[str]
) -> tuple[list[CaseFiles], int]:
    """The images of a folder that are none of the labelled cases' (by content), and how many were left out as such.

    Labelled cases include those that a training is judged by: their images would let it see what it is judged on.
    """
    known = {images_hash(case.images) for case in labelled}
    found = image_cases(place, inputs)
    left = [case for case in found if case.missing or images_hash(case.files) not in known]
    return left, len(found) - len(left)


def images_hash(files: Sequence[Path]) -> str:
    """What the files hold, as hex."""
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


def unlabelled_sources(cases: Sequence[CaseFiles], plan: SegmenterPlan) -> list[Source]:
    """Every image as the network sees it, by name, all of it background.

    Raises ImageRefusal (`missing_sequence`, and what reading an image raises), with the case's name.
    """
    return [_source(case, plan) for case in sorted(cases, key=lambda case: case.name)]


def check_unlabelled(scan: Sequence[Volume], plan: SegmenterPlan) -> None:
    """Raises ImageRefusal for an image that the plan's network could not read."""
    prepare_part(scan, replace(plan, preparation=()))


def _source(case: CaseFiles, plan: SegmenterPlan) -> Source:
    with naming(case.name):
        case.check()
        scan = read_scan(case.files)
        part, _ = prepare_part(scan, plan)
    image = torch.from_numpy(part - np.float32(plan.fill))
    spacing = plan.voxel or upright_spacing(scan[0].grid)
    return Source(case.name, case.name, image, torch.zeros(part.shape[1:], dtype=torch.uint8), {}, spacing)
