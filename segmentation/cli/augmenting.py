"""`segmentation augment`: examples of the patches that a training sees, with everything that was drawn for them."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from segmentation.augmentation.settings import AUGMENTATIONS, Augmentation
from segmentation.cli.answers import AsJson, answer, end, existing, failed, refusals, say
from segmentation.cli.datasets import LayoutName
from segmentation.cli.learning_data import plan_for, surveyed
from segmentation.images.writing import image_bytes, mask_bytes
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Mask, Volume

if TYPE_CHECKING:
    import torch

    from segmentation.augmentation.augment import Source
    from segmentation.augmentation.variation import Variation

Strength = Annotated[str, typer.Option(help=f"instead of the plan's: {', '.join(AUGMENTATIONS)}")]
TABLE = "drawn.csv"


def augment(
    data: Annotated[Path, typer.Option(help="folder of images and masks in a layout that is known")],
    out: Annotated[Path, typer.Option(help=f"folder for the patches and the table {TABLE}")],
    plan: Annotated[Path | None, typer.Option(help="YAML or JSON; what it leaves out comes from the data")] = None,
    network: Annotated[str | None, typer.Option(help="2-D or 3-D patches, where there is no plan")] = None,
    strength: Strength = "",
    number: Annotated[int, typer.Option(min=1, max=1000, help="of patches")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="of everything random")] = 0,
    layout: LayoutName = "",
    as_json: AsJson = False,
) -> None:
    """Write augmented patches with their masks, and a table of every parameter that was drawn for them.

    Example: segmentation augment --data Task04_Hippocampus --out examples --strength strong
    """
    existing(data, "the folder")
    with refusals():
        found, failures = surveyed(data, layout)
        made = _varied(plan_for(data, found, plan, network, layout), strength)
        from segmentation.learning.sources import read_sources  # torch takes seconds to import

        sources = read_sources([one.case for one in found[:number]], made)
        seconds = _examples(_Drawing(made, sources, seed), out, number)
    document = {
        "patches": number,
        "plan": made.to_json(),
        "milliseconds_a_patch": round(1000 * seconds / number, 1),
        "table": TABLE,
        "failed": failed(failures),
    }
    answer(document, as_json=as_json)
    end(failures)


@dataclass(frozen=True)
class _Drawing:
    """Patch after patch of the sources in turn, each from the seed and its number alone."""

    plan: SegmenterPlan
    sources: list[Source]
    seed: int

    def patch(self, number: int) -> tuple[Source, Variation, torch.Tensor, torch.Tensor]:
        from segmentation.augmentation.augment import cut, draw_variation

        source = self.sources[number % len(self.sources)]
        drawn = draw_variation(source, self.plan, np.random.default_rng([self.seed, number]))
        return source, drawn, *cut(source, self.plan, drawn)


def _varied(plan: SegmenterPlan, strength: str) -> SegmenterPlan:
    return replace(plan, augmentation=Augmentation.of(strength)) if strength else plan


def _examples(drawing: _Drawing, out: Path, number: int) -> float:
    """Write every patch and the table; gives the seconds that drawing and cutting took."""
    from segmentation.learning.checkpoint import write_atomically

    rows, seconds = [], 0.0
    for n in range(number):
        start = time.perf_counter()
        source, drawn, image, classes = drawing.patch(n)
        seconds += time.perf_counter() - start
        rows.append({"patch": f"patch_{n:04d}", "case": source.case_id, **drawn.row()})
        for name, content in _files(drawing.plan, source, image, classes).items():
            write_atomically(out / f"patch_{n:04d}_{name}.nii.gz", content)
        say(f"patch {n + 1} of {number}: {source.case_id}")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / TABLE, text.getvalue().encode())
    return seconds


def _files(plan: SegmenterPlan, source: Source, image: torch.Tensor, classes: torch.Tensor) -> dict[str, bytes]:
    """Each input's channel (in 2-D its middle slice) and the mask."""
    affine, flat = np.diag([*source.spacing_mm, 1.0]), plan.dimensions == 2
    # Slices of an input lie side by side among the channels of a 2-D network.
    middle = image[plan.neighbours :: 1 + 2 * plan.neighbours][..., None] if flat else image
    files = {
        f"{number:04d}": image_bytes(Volume(np.asfortranarray(channel.numpy()), affine))
        for number, channel in enumerate(middle)
    }
    labels = np.array(plan.class_labels, dtype=np.uint16)[classes.numpy()]
    return {**files, "mask": mask_bytes(Mask(labels[..., None] if flat else labels, affine, plan.regions))}
