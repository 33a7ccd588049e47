"""`segmentation stream`: masks of 2-D frames as they come, and how long each takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from segmentation.cli.answers import AsJson, Device, Failures, answer, end, existing, failed, refusals
from segmentation.cli.predict import Half
from segmentation.device import choose_device
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import image_cases

ModelFile = Annotated[Path, typer.Argument(help="file of a 2-D network")]
Frames = Annotated[str, typer.Option("--input", metavar="DIR|-", help="folder of frames, or -: file names on stdin")]
Output = Annotated[Path, typer.Option(help="folder for the masks, which get the frames' names")]


def stream(
    model: ModelFile,
    input_: Frames,
    output: Output,
    half: Half = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Outline 2-D frames in their order, each before the next; tells median, p95 and p99 of a frame's time.

    The time of a frame is from opening its file to its mask being on disk. The first three frames are the warm-up and
    count in no percentile. A frame that cannot be read is named and left out.

    Example: segmentation stream head.safetensors --input frames --output masks --json
    """
    existing(model, "the model")
    if input_ != "-":
        existing(Path(input_), "the input")
    from segmentation.outlining.frames import latency_ms, outline_frames  # torch takes seconds to import
    from segmentation.outlining.inference import Outlining, Segmenter

    with refusals():
        segmenter = Segmenter.from_bytes(model.read_bytes(), device=choose_device(device))
        found = list(outline_frames(segmenter, _frames(input_), output, Outlining(half=half)))
    failures: Failures = {one.answer.name: one.answer.error for one in found if one.answer.error is not None}
    done = [one.seconds for one in found if one.answer.error is None]
    document = {"segmenter": segmenter.name, "output": output.name, **latency_ms(done), "failed": failed(failures)}
    answer(document, as_json=as_json)
    end(failures)


def _frames(place: str) -> Iterator[Path]:
    if place == "-":
        yield from (Path(line.strip()) for line in sys.stdin if line.strip())
        return
    cases = image_cases(Path(place), ("frame",))
    if not cases:
        step = "name a folder that holds .png, .jpg, .tif or .nii.gz files"
        raise ImageRefusal("no_cases", "No frame.", expected="one or more", found="none", next_step=step)
    for case in cases:
        yield case.files[0]
