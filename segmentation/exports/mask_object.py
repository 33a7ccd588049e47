"""A mask as a DICOM segmentation: BINARY (a frame a region and plane) or LABELMAP (a frame a plane, Supplement 243).

Reference: DICOM PS3.3, A.51 and C.8.20. Patient and study are those of the series that the mask lies on, every frame
refers to the image it was drawn on, and nothing depends on the clock.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from segmentation.errors import ImageRefusal
from segmentation.exports.identifiers import content_date, content_digest, derived_uid
from segmentation.exports.region_codes import region_code
from segmentation.exports.series import MAKER
from segmentation.exports.source_series import SourceSeries, labels_on
from segmentation.types import Mask

Kind = Literal["binary", "labelmap"]
KINDS: tuple[Kind, ...] = ("binary", "labelmap")
_SERIES_NUMBER = 1000  # beyond those that scanners give


@dataclass(frozen=True)
class Drawn:
    """Who drew the mask: a program (`algorithm`, such as "unet_3d:0123456789ab"), or a person where that is empty.

    `serial` names the installation or model that answers for the object; `date` (YYYYMMDD) is that of the series where
    it is empty.
    """

    algorithm: str = ""
    serial: str = "none"
    date: str = ""


def mask_object(mask: Mask, source: SourceSeries, drawn: Drawn, kind: Kind = "binary") -> Dataset:
    """The segmentation object of a mask on a series; regions are segments 1, 2, … in the order of their labels.

    A region without a voxel has no segment. Raises ImageRefusal: `grid_mismatch`, `empty_mask`, `no_date`.
    """
    labels = labels_on(mask, source)
    regions = {name: label for name, label in mask.regions.items() if (labels == label).any()}
    if not regions:
        raise ImageRefusal(
            "empty_mask", "The mask holds none of its regions.", expected="a voxel of one region or more", found="none",
            next_step="look at the mask; there is nothing to hand over",
        )  # fmt: skip
    names = sorted(regions, key=lambda name: regions[name])
    numbered = np.zeros(labels.shape, dtype=np.uint8 if len(names) < 256 else np.uint16)
    for number, name in enumerate(names, start=1):
        numbered[labels == regions[name]] = number
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the series says of its patient is copied as it is
        return _made(numbered, names, source, drawn, kind)


def object_bytes(data: Dataset) -> bytes:
    """The file of an object: the same bytes for the same object."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # likewise
        data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def settle(data: Dataset, *seed: str) -> None:
    """Take out of an object what its library took from the clock or drew at random; `seed` names its content."""
    for name in ("InstanceCreationDate", "InstanceCreationTime"):
        if name in data:
            delattr(data, name)
    for equipment in data.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in equipment:
            del equipment.ContributionDateTime
    dimensions = derived_uid("dimensions", *seed)
    for name in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in data.get(name) or ():
            item.DimensionOrganizationUID = dimensions


def _made(
    numbered: npt.NDArray[np.unsignedinteger], names: list[str], source: SourceSeries, drawn: Drawn, kind: Kind
) -> Dataset:
    date = content_date(source.images, drawn.date)
    content = content_digest((numbered.tobytes(), repr((names, drawn, kind)).encode()))
    seed = (str(source.images[0].SeriesInstanceUID), content)
    frames = numbered if len(source.images) > 1 else numbered[np.argsort(source.frames)]
    made = hd.seg.Segmentation(
        source_images=list(source.images),
        pixel_array=frames,
        segmentation_type=kind.upper(),
        segment_descriptions=[_segment(number, name, drawn) for number, name in enumerate(names, start=1)],
        series_instance_uid=derived_uid("segmentation series", *seed),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=derived_uid("segmentation", *seed),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name="segmentation",
        software_versions=metadata.version(MAKER),
        device_serial_number=drawn.serial,
        content_label="REGIONS",
        content_description="Regions outlined; research use only",
        series_description="Regions outlined; research use only",
        content_date=date,
        content_time="000000",
        series_date=date,
        series_time="000000",
    )
    settle(made, *seed)
    return made


def _segment(number: int, name: str, drawn: Drawn) -> hd.seg.SegmentDescription:
    code = region_code(name)
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=code.category,
        segmented_property_type=code.kind,
        algorithm_type="AUTOMATIC" if drawn.algorithm else "MANUAL",
        algorithm_identification=_algorithm(drawn) if drawn.algorithm else None,
        anatomic_regions=[code.organ] if code.organ is not None else None,
    )


def _algorithm(drawn: Drawn) -> hd.AlgorithmIdentificationSequence:
    name, _, version = drawn.algorithm.partition(":")
    return hd.AlgorithmIdentificationSequence(
        name=name, family=codes.DCM.ArtificialIntelligence, version=version or metadata.version(MAKER)
    )
