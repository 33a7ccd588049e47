"""`segmentation train`: a network from images and masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from segmentation.classical import METHODS
from segmentation.cli.answers import AsJson, Device, answer, end, existing, failed, refusals
from segmentation.cli.datasets import LayoutName
from segmentation.cli.learning_data import plan_for, surveyed
from segmentation.cli.scarce_labels import ScarceOptions
from segmentation.cli.train_classical import chosen_model, refine_file, settings_like, train_method, unrefined
from segmentation.cli.train_network import NetworkTraining
from segmentation.device import choose_device
from segmentation.networks import NETWORKS
from segmentation.planning.choices import PRECISIONS
from segmentation.planning.rules import STEPS
from segmentation.scarce_labels.recipes import RECIPES


def train(
    data: Annotated[Path, typer.Option(help="folder of images and masks in a layout that is known")],
    out: Annotated[Path, typer.Option(help="file to write the trained network to")],
    plan: Annotated[Path | None, typer.Option(help="YAML or JSON; what it leaves out comes from the data")] = None,
    network: Annotated[str | None, typer.Option(help="default: unet_3d, or unet_2d for thick slices")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help=f"training steps (default {STEPS})")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="as many steps as fit, by a timed start")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="of everything random (default 0)")] = None,
    method: Annotated[str, typer.Option(help=f"no network, but one of {', '.join(METHODS)}")] = "",
    hybrid: Annotated[Path | None, typer.Option(help="YAML: a network or method, and what refines its masks")] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="that many models, in the folder OUT")] = None,
    split: Annotated[bool, typer.Option("--split", help="by patient: 70 % learn, 15 % stop, 15 % judge")] = False,
    recipe: Annotated[str, typer.Option(help=f"for few masks: {', '.join(RECIPES)}")] = "",
    unlabelled: Annotated[Path | None, typer.Option(help="folder of images without masks, for a recipe")] = None,
    start: Annotated[Path | None, typer.Option(help="a model whose weights are taken over where they fit")] = None,
    precision: Annotated[str | None, typer.Option(help=" or ".join(PRECISIONS))] = None,
    layout: LayoutName = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a network that outlines regions. A killed training goes on when the same command is given again.

    Example: segmentation train --data Task04_Hippocampus --out hippocampus.safetensors --minutes 20
    """
    existing(data, "the folder")
    _check_options(network, precision, [steps is not None, minutes is not None], [bool(folds), split])
    if (folds or split) and (method or hybrid):
        raise typer.BadParameter("--folds and --split are for a network")
    few = ScarceOptions(recipe, unlabelled, start)
    few.check(plain=not (method or hybrid or folds or split or minutes))
    with refusals():
        method, named = chosen_model(method, network or "unet_3d", hybrid)
        by_rule = network is None and hybrid is None
        chosen = choose_device(device)
        found, failures = surveyed(data, layout)
        cases = [one.case for one in found]
        if method:
            settings = settings_like(plan_for(data, found, None, named, layout), plan, seed=seed)
            document = train_method(method, cases, settings, out, hybrid)
        else:
            made = plan_for(data, found, plan, None if by_rule else named, layout)
            made = replace(made, steps=steps or made.steps, seed=made.seed if seed is None else seed)
            made = replace(made, precision=precision or made.precision)
            scarce = few.read(cases, made, failures)
            work = NetworkTraining(made, out if hybrid is None else unrefined(out), chosen, minutes, scarce)
            if folds or split:
                document = work.train_folds(cases, folds) if folds else work.train_split(cases)
            else:
                document = work.train(cases)
            document = document if hybrid is None else refine_file(document, out, hybrid)
    answer({**document, "failed": failed(failures)}, as_json=as_json)
    end(failures)


def _check_options(network: str | None, precision: str | None, lengths: list[bool], ways: list[bool]) -> None:
    if network is not None and network not in NETWORKS:
        raise typer.BadParameter(f"network must be one of {', '.join(NETWORKS)}, found {network}")
    if precision is not None and precision not in PRECISIONS:
        raise typer.BadParameter(f"precision must be one of {', '.join(PRECISIONS)}, found {precision}")
    if all(lengths):
        raise typer.BadParameter("give --steps or --minutes, not both")
    if all(ways):
        raise typer.BadParameter("give --folds or --split, not both")
