"""`segmentation prepare`: what steps of preparation make of an image, to look at before they go into a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from segmentation.assessment.named_regions import labels_held, single_labels
from segmentation.cli.answers import AsJson, answer, existing, refusals
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan
from segmentation.images.writing import image_bytes
from segmentation.preparation.intensities import SCALES
from segmentation.preparation.steps import STEPS, around, prepared
from segmentation.types import Volume, Window

Steps = Annotated[str, typer.Option(help=f"{', '.join(STEPS)}; in this order, as name or name=number, with commas")]
Around = Annotated[Path | None, typer.Option("--around", help="a mask (coarse will do): the image is cut to it first")]
Margin = Annotated[float, typer.Option(min=0, metavar="MM", help="around that mask, mm")]
Intensity = Annotated[str, typer.Option(help=f"also scale as a plan's intensity does: {', '.join(SCALES)}")]


def prepare(
    image: Annotated[Path, typer.Argument(help="an image file")],
    out: Annotated[Path, typer.Option(help=".nii.gz to write; several channels get _0000, _0001, … before it")],
    steps: Steps = "",
    around_: Around = None,
    margin: Margin = 10.0,
    intensity: Intensity = "none",
    as_json: AsJson = False,
) -> None:
    """Denoise, correct, clean and crop an image by the steps that a plan may name under `preparation`.

    Example: segmentation prepare flair.nii.gz --steps n4,background,crop=10 --out prepared.nii.gz
    """
    existing(image, "the image")
    if intensity not in SCALES:
        raise typer.BadParameter(f"intensity must be one of {', '.join(SCALES)}, found {intensity}")
    with refusals():
        scan = _cut(read_scan((image,)), around_, margin)
        changed, window = prepared(scan, [step for step in steps.split(",") if step.strip()])
        scaled = [_scaled(channel, intensity) for channel in changed]
        _write(scaled, out)
    document = {
        "steps": steps,
        "shape": list(scaled[0].array.shape),
        "spacing_mm": [round(step, 4) for step in scaled[0].grid.spacing_mm],
        "first_voxel": [part.start for part in window],
        "range": [[float(channel.array.min()), float(channel.array.max())] for channel in scaled],
        "out": out.name,
    }
    answer(document, as_json=as_json)


def _cut(scan: tuple[Volume, ...], mask: Path | None, margin_mm: float) -> tuple[Volume, ...]:
    if mask is None:
        return scan
    labels = labels_held([existing(mask, "the mask")])
    drawn = read_mask(mask, single_labels(labels) or {"any": 1})
    window = around(drawn, scan[0].grid, margin_mm)
    return tuple(_part(channel, window) for channel in scan)


def _part(volume: Volume, window: Window) -> Volume:
    return Volume(volume.array[window], volume.grid.part(window).affine, volume.modality)


def _scaled(channel: Volume, intensity: str) -> Volume:
    array = SCALES[intensity](np.ascontiguousarray(channel.array, dtype=np.float32))
    return Volume(np.asfortranarray(array, dtype=np.float32), channel.affine, channel.modality)


def _write(channels: list[Volume], out: Path) -> None:
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import

    stem = out.name.removesuffix(".gz").removesuffix(".nii")
    for number, channel in enumerate(channels):
        path = out if len(channels) == 1 else out.with_name(f"{stem}_{number:04d}.nii.gz")
        write_atomically(path, image_bytes(channel))
