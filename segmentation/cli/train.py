"""`segmentation train`: a network from images and masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from segmentation.classical import METHODS
from segmentation.cli.answers import AsJson, Device, Failures, answer, end, existing, failed, refusals, say
from segmentation.cli.train_classical import chosen_model, refine_file, settings_like, train_method, unrefined
from segmentation.datasets.decathlon import decathlon_cases, is_ct, label_names
from segmentation.device import choose_device
from segmentation.errors import ImageRefusal
from segmentation.networks import NETWORKS
from segmentation.plan import SegmenterPlan
from segmentation.planning import STEPS, Survey, default_plan, survey


def train(
    data: Annotated[Path, typer.Option(help="folder with imagesTr and labelsTr")],
    out: Annotated[Path, typer.Option(help="file to write the trained network to")],
    plan: Annotated[Path | None, typer.Option(help="plan as JSON; default: made from the data")] = None,
    network: Annotated[str, typer.Option(help=" or ".join(NETWORKS))] = "unet_3d",
    steps: Annotated[int | None, typer.Option(min=1, help=f"training steps (default {STEPS})")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="as many steps as fit, by a timed start")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="of everything random (default 0)")] = None,
    method: Annotated[str, typer.Option(help=f"no network, but one of {', '.join(METHODS)}")] = "",
    hybrid: Annotated[Path | None, typer.Option(help="YAML: a network or method, and what refines its masks")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a network that outlines regions. A killed training goes on when the same command is given again.

    Example: segmentation train --data Task04_Hippocampus --out hippocampus.safetensors --minutes 20
    """
    existing(data, "the folder")
    _check_options(network, steps, minutes)
    with refusals():
        method, network = chosen_model(method, network, hybrid)
        chosen = choose_device(device)
        found, failures = _surveyed(data)
        if method:
            settings = settings_like(_plan(data, found, None, network), plan, seed=seed)
            document = train_method(method, [one.case for one in found], settings, out, hybrid)
        else:
            made = _plan(data, found, plan, network)
            made = replace(made, steps=steps or made.steps, seed=made.seed if seed is None else seed)
            document = _trained(found, made, out if hybrid is None else unrefined(out), chosen, minutes)
            document = document if hybrid is None else refine_file(document, out, hybrid)
    answer({**document, "failed": failed(failures)}, as_json=as_json)
    end(failures)


def _check_options(network: str, steps: int | None, minutes: float | None) -> None:
    if network not in NETWORKS:
        raise typer.BadParameter(f"network must be one of {', '.join(NETWORKS)}, found {network}")
    if steps is not None and minutes is not None:
        raise typer.BadParameter("give --steps or --minutes, not both")


def _surveyed(data: Path) -> tuple[list[Survey], Failures]:
    found: list[Survey] = []
    failures: Failures = {}
    for case in decathlon_cases(data):
        try:
            found.append(survey(case))
        except ImageRefusal as error:
            failures[case.case_id] = error
    if not found:
        failed(failures)
        raise ImageRefusal("no_cases", "No case can be used.", expected="one", found=f"{len(failures)} that failed")
    return found, failures


def _plan(data: Path, found: list[Survey], path: Path | None, network: str) -> SegmenterPlan:
    if path is None:
        return default_plan(found, network=network, regions=label_names(data), ct=is_ct(data))
    try:
        return SegmenterPlan.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        if isinstance(error, ImageRefusal):
            raise
        expected, step = "a readable JSON file", "start from the plan that a training prints with --json"
        found_ = type(error).__name__
        raise ImageRefusal("bad_plan", "No plan there.", expected=expected, found=found_, next_step=step) from error


def _trained(
    found: list[Survey], plan: SegmenterPlan, out: Path, device: str, minutes: float | None
) -> dict[str, object]:
    from segmentation.checkpoint import steps_of, write_atomically  # torch takes seconds to import
    from segmentation.training import steps_within, train_segmenter

    cases, checkpoint = [one.case for one in found], out.with_name(f"{out.name}.training")
    if minutes is not None:
        # A training that goes on keeps the number of steps that its first start was timed to.
        plan = replace(plan, steps=steps_of(checkpoint) or steps_within(cases, plan, minutes, device=device))
    say(f"training {plan.network} on {len(cases)} cases: {plan.steps} steps of {plan.batch} patches {plan.patch}")
    segmenter = train_segmenter(cases, plan, device=device, checkpoint=checkpoint, progress=_every_tenth(plan.steps))
    write_atomically(out, segmenter.to_bytes())
    checkpoint.unlink(missing_ok=True)
    return {"segmenter": segmenter.name, "cases": len(cases), "device": device, "plan": plan.to_json()}


def _every_tenth(steps: int) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        if done % max(1, steps // 10) == 0 or done == of:
            say(f"step {done} of {of}")

    return tell
