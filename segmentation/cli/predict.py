"""`segmentation predict`: masks of new images by a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segmentation.cli.answers import AsJson, Device, Failures, answer, end, existing, failed, refusals, say
from segmentation.datasets.decathlon import case_name, image_files
from segmentation.device import choose_device
from segmentation.errors import ImageRefusal
from segmentation.reading import read_image
from segmentation.writing import mask_bytes

if TYPE_CHECKING:
    from segmentation.models import Model


def predict(
    model: Annotated[Path, typer.Argument(help="file that `segmentation train` wrote")],
    input_: Annotated[Path, typer.Option("--input", help="an image, or a folder of images")],
    output: Annotated[Path, typer.Option(help="folder for the masks, which get the images' names")],
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Outline the regions on every image. A damaged image is named and left out; the others are done.

    Example: segmentation predict hippocampus.safetensors --input imagesTs --output masks
    """
    existing(model, "the model")
    files = image_files(input_) if existing(input_, "the input").is_dir() else [input_]
    from segmentation.models import load_model

    failures: Failures = {}
    with refusals():
        segmenter = load_model(model.read_bytes(), choose_device(device))
        if not files:
            step = "name a folder that holds .nii or .nii.gz files"
            raise ImageRefusal("no_cases", "No image.", expected="one or more", found="none", next_step=step)
    for path in files:
        try:
            _outline(segmenter, path, output)
        except ImageRefusal as error:
            failures[case_name(path)] = error
    done = len(files) - len(failures)
    document = {"segmenter": segmenter.name, "cases": done, "output": output.name, "failed": failed(failures)}
    answer(document, as_json=as_json)
    end(failures)


def _outline(segmenter: Model, path: Path, output: Path) -> None:
    from segmentation.checkpoint import write_atomically  # torch takes seconds to import

    mask = segmenter.segment(read_image(path))
    write_atomically(output / f"{case_name(path)}.nii.gz", mask_bytes(mask))
    say(f"{case_name(path)}: done")
