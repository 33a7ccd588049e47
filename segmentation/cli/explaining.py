"""`segmentation explain`: where a network looks when it outlines a region."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segmentation.cli.answers import AsJson, Device, answer, existing, refusals
from segmentation.device import choose_device
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import image_cases
from segmentation.images.scans import read_scan
from segmentation.images.writing import image_bytes

if TYPE_CHECKING:
    from segmentation.outlining.inference import Segmenter

Gate = Annotated[int, typer.Option(min=0, help="instead: the attention gate of this level (1: the finest)")]


def explain(
    model: Annotated[Path, typer.Argument(help="file that `segmentation train` wrote")],
    input_: Annotated[Path, typer.Option("--input", help="an image, or a folder with one case")],
    out: Annotated[Path, typer.Option(help="map to write, .nii.gz in the image's geometry")],
    region: Annotated[str, typer.Option(help="region to explain")] = "",
    layer: Annotated[str, typer.Option(help="module of the network (default: the deepest maps)")] = "",
    gate: Gate = 0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Write a map of saliency (Seg-Grad-CAM, 0 and above) or of an attention gate (0 to 1) on the image's own grid.

    Example: segmentation explain kidney.safetensors --input ct.nii.gz --region tumor --out map.nii.gz
    """
    existing(model, "the model")
    existing(input_, "the input")
    if bool(region) == bool(gate):
        raise typer.BadParameter("give --region or --gate, one of the two")
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import
    from segmentation.saliency import explain_gate, explain_region

    with refusals():
        segmenter = _network(model, choose_device(device))
        cases = image_cases(input_, segmenter.inputs)
        if len(cases) != 1:
            step, count = "name one image, or a folder that holds one case", str(len(cases))
            raise ImageRefusal("no_cases", "One case is explained.", expected="1", found=count, next_step=step)
        cases[0].check()
        scan = read_scan(cases[0].files)
        found = explain_gate(segmenter, scan, gate) if gate else explain_region(segmenter, scan, region, layer)
        write_atomically(out, image_bytes(found.volume))
    document = {
        "segmenter": segmenter.name,
        "case": cases[0].name,
        "layer": found.layer,
        "outlined_voxels": found.outlined,
        "highest": float(found.volume.array.max()),
        "out": out.name,
    }
    answer(document, as_json=as_json)


def _network(path: Path, device: str) -> Segmenter:
    from segmentation.models import load_model
    from segmentation.outlining.inference import Segmenter

    model = load_model(path.read_bytes(), device)
    model = getattr(model, "model", model)  # a hybrid's network
    if not isinstance(model, Segmenter):
        raise ImageRefusal(
            "not_a_network", f"{model.name} has no maps to explain.", expected="a network", found="a classical method",
            next_step="name a model that `segmentation train --network` made",
        )  # fmt: skip
    return model
