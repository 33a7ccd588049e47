"""`segmentation plan`: what the data look like, and a plan to read and edit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.cli.answers import AsJson, Device, answer, end, existing, failed, refusals
from segmentation.cli.datasets import LayoutName
from segmentation.cli.learning_data import plan_for, surveyed
from segmentation.datasets.layouts import read_dataset
from segmentation.device import available_bytes, choose_device
from segmentation.networks import NETWORKS
from segmentation.planning.fingerprint import fingerprint
from segmentation.planning.plan_files import plan_text
from segmentation.planning.rules import STEPS, within_memory


def plan(
    data: Annotated[Path, typer.Option(help="folder of images and masks in a layout that is known")],
    out: Annotated[Path, typer.Option(help="YAML file to write the plan to")],
    network: Annotated[str | None, typer.Option(help="default: unet_3d, or unet_2d for thick slices")] = None,
    memory_gb: Annotated[float | None, typer.Option(min=0.01, help="of a training (default: what is free)")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help=f"of training (default: {STEPS} steps)")] = None,
    layout: LayoutName = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Look at every case and write a plan for `segmentation train --plan`, with the numbers it was derived from.

    Example: segmentation plan --data Task04_Hippocampus --out plan.yaml --memory-gb 8
    """
    existing(data, "the folder")
    if network is not None and network not in NETWORKS:
        raise typer.BadParameter(f"network must be one of {', '.join(NETWORKS)}, found {network}")
    with refusals():
        chosen = choose_device(device)
        found, failures = surveyed(data, layout)
        budget = available_bytes() if memory_gb is None else memory_gb * 1e9
        from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import
        from segmentation.learning.sources import check_images
        from segmentation.learning.training import steps_within
        from segmentation.planning.memory import step_memory

        cases = [one.case for one in found]
        made = plan_for(data, found, None, network, layout)
        kept = check_images(cases, made, int(budget))
        made = within_memory(made, budget - kept, device=chosen)
        if minutes is not None:
            made = replace(made, steps=steps_within(cases, made, minutes, device=chosen))
        seen = fingerprint(found, ct=read_dataset(data, layout).ct, channel_names=made.inputs)
        write_atomically(out, plan_text(made, seen).encode())
    needed = (kept + step_memory(made, device=chosen).total) / 1e9
    document: dict[str, Any] = {"plan": made.to_json(), "fingerprint": seen.to_json(), "memory_gb": round(needed, 3)}
    answer({**document, "failed": failed(failures)}, as_json=as_json)
    end(failures)
