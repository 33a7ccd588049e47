"""`segmentation export-dicom`, `segmentation export-seg`: an image as a DICOM series, a mask beside one."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from segmentation.cli.answers import AsJson, answer, existing, refusals
from segmentation.cli.radiomics import parse_region
from segmentation.images.reading import read_image, read_mask

DAYS = ["%Y-%m-%d", "%Y%m%d"]
Day = Annotated[datetime | None, typer.Option(formats=DAYS, help="the date that the files bear; never today's")]


def export_dicom(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="an image of one channel, such as .nii.gz")],
    out: Annotated[Path, typer.Option(help="the folder to write: new or empty")],
    modality: Annotated[Literal["CT", "MR"], typer.Option(help="CT: the values are HU")],
    like: Annotated[
        Path | None, typer.Option(metavar="SERIES", help="a DICOM series whose patient and study the new one joins")
    ] = None,
    patient_id: Annotated[str, typer.Option(help="without --like; default: the file's name without its ending")] = "",
    date: Day = None,
    as_json: AsJson = False,
) -> None:
    """Write an image as a DICOM series, one file a slice; whole numbers come back as they are.

    Example: segmentation export-dicom ct.nii.gz --out ct_dicom --modality CT
    """
    existing(image, "the image")
    from segmentation.exports.series import SeriesFacts, write_series  # pydicom is needed here alone
    from segmentation.exports.source_series import read_source

    with refusals():
        source = read_source(existing(like, "the series")).images[0] if like else None
        patient = patient_id or image.name.split(".")[0]
        facts = SeriesFacts(modality, patient, date.strftime("%Y%m%d") if date else "", source)
        written = write_series(read_image(image), out, facts)
    told = {"slices": written.slices, "largest_rounding": written.largest_rounding, "series": written.series_uid}
    answer({"folder": out.name, **told}, as_json=as_json)


def export_seg(
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="a mask, such as .nii.gz")],
    series: Annotated[Path, typer.Option(help="the folder of the DICOM series that the mask lies on")],
    region: Annotated[list[str], typer.Option(metavar="NAME=LABEL", help="a region; repeat for several")],
    out: Annotated[Path, typer.Option(help="the file to write, .dcm")],
    kind: Annotated[
        Literal["binary", "labelmap"], typer.Option(help="a frame a region and plane, or one a plane (Supplement 243)")
    ] = "binary",
    algorithm: Annotated[
        str, typer.Option(metavar="NAME:VERSION", help="what drew the mask; without it: a person")
    ] = "",
    date: Day = None,
    as_json: AsJson = False,
) -> None:
    """Write a mask as a DICOM segmentation of a series, each frame beside the image it was drawn on.

    Example: segmentation export-seg mask.nii.gz --series ct_dicom --region kidney=1 --region tumor=2 --out seg.dcm
    """
    regions = dict(parse_region(text) for text in region)
    existing(mask, "the mask")
    existing(series, "the series")
    from segmentation.exports.mask_object import Drawn, mask_object, object_bytes  # highdicom is needed here alone
    from segmentation.exports.source_series import read_source

    with refusals():
        drawn = Drawn(algorithm, date=date.strftime("%Y%m%d") if date else "")
        made = mask_object(read_mask(mask, regions), read_source(series), drawn, kind)
        _write(out, object_bytes(made))
    # segment 0 is the background of a label map
    segments = [str(one.SegmentLabel) for one in made.SegmentSequence if one.SegmentNumber]
    told = {"segments": segments, "frames": int(made.NumberOfFrames)}
    answer({"file": out.name, **told}, as_json=as_json)


def _write(path: Path, data: bytes) -> None:
    """A whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
