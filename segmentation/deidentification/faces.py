"""Could a face be made from the image? What the header calls the body part, else the size of the body in the planes.

A rule for research, on the side of flagging: a head without its face, a child's belly or a thigh may be flagged too.
Surfaces of CT and MR heads can be matched with photographs (Schwarz et al. 2019, doi:10.1056/NEJMc1908881).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from segmentation.deidentification.flags import HEAD, HEAD_LIKE, Flag
from segmentation.types import Volume

_HEAD = re.compile(r"head|brain|skull|face|facial|orbit|sinus|cranium|cerebr|neck|jaw|dental|temporal|pituitary", re.I)
_SAID_IN = ("BodyPartExamined", "ProtocolName", "SeriesDescription", "StudyDescription")
_MODALITIES = ("CT", "MR", "PT")
_AIR_HU = -300.0
_TISSUE = 0.15  # of the way from the lowest to a high value, where numbers have no unit
_COARSE_MM = 4.0
_WIDTH_MM, _LENGTH_MM = (100.0, 210.0), (130.0, 260.0)  # of an adult's or a child's head, across and along
_LEAST_HEIGHT_MM = 60.0


def header_flags(headers: Iterable[Dataset]) -> list[Flag]:
    """Whether the headers of a CT, MR or PT series name the head or a part of it."""
    named = any(
        str(one.get("Modality", "")) in _MODALITIES and any(_HEAD.search(str(one.get(tag, ""))) for tag in _SAID_IN)
        for one in headers
    )
    return [Flag(HEAD, "the header names the head or a part of it: a face may be made from it")] if named else []


def volume_flags(volume: Volume) -> list[Flag]:
    """Whether the body in an image is as wide and as long as a head over 60 mm or more of height."""
    array, steps = _coarse(volume)
    tissue = array > _threshold(array, volume.modality)
    like = [_head_sized(tissue[:, :, k], steps) for k in range(tissue.shape[2])]
    height = _longest(like) * steps[2]
    if height < _LEAST_HEIGHT_MM:
        return []
    return [
        Flag(HEAD_LIKE, f"over {height:.0f} mm the body is as wide and long as a head: look whether a face is seen")
    ]


def _coarse(volume: Volume) -> tuple[np.ndarray, tuple[float, float, float]]:
    """The array along the patient's x, y and z, of voxels of about 4 mm, and their steps (mm)."""
    order = [int(np.abs(volume.grid.direction[axis]).argmax()) for axis in range(3)]
    if sorted(order) != [0, 1, 2]:
        order = [0, 1, 2]
    spacing = [volume.grid.spacing_mm[axis] for axis in order]
    by = [max(1, int(_COARSE_MM // one)) for one in spacing]
    array = volume.array.transpose(order)[:: by[0], :: by[1], :: by[2]]
    x, y, z = (step * n for step, n in zip(spacing, by, strict=True))
    return array, (x, y, z)


def _threshold(array: np.ndarray, modality: str) -> float:
    low, high = float(array.min()), float(np.quantile(array, 0.99))
    hounsfield = modality == "CT" or (not modality and low <= -900 < high)  # a NIfTI file does not say: air does
    return _AIR_HU if hounsfield else low + _TISSUE * (high - low)


def _head_sized(plane: np.ndarray, steps: tuple[float, float, float]) -> bool:
    pieces, count = ndimage.label(plane)
    if not count:
        return False
    largest = ndimage.find_objects(pieces)[int(np.bincount(pieces.ravel())[1:].argmax())]
    x, y = ((part.stop - part.start) * step for part, step in zip(largest, steps[:2], strict=True))
    cut = largest[0].start == 0 and largest[0].stop == plane.shape[0]  # wider than the image: no head in sight
    return not cut and _WIDTH_MM[0] <= x <= _WIDTH_MM[1] and _LENGTH_MM[0] <= y <= _LENGTH_MM[1]


def _longest(like: list[bool]) -> int:
    best = run = 0
    for one in like:
        run = run + 1 if one else 0
        best = max(best, run)
    return best
