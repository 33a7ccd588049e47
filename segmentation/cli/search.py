"""`segmentation search`: variants of a plan, tried on patients kept apart inside the training cases."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segmentation.cli.answers import AsJson, Device, answer, end, existing, failed, refusals, say
from segmentation.cli.datasets import LayoutName
from segmentation.cli.learning_data import plan_for, surveyed
from segmentation.device import choose_device
from segmentation.planning.plan_files import plan_text

if TYPE_CHECKING:
    from segmentation.learning.search import Trial


def search(
    data: Annotated[Path, typer.Option(help="folder of images and masks, training cases alone")],
    out: Annotated[Path, typer.Option(help="YAML file to write the best plan to")],
    plan: Annotated[Path | None, typer.Option(help="plan to start from (default: made from the data)")] = None,
    trials: Annotated[int, typer.Option(min=1, help="how many variants; the first is the plan itself")] = 20,
    steps: Annotated[int | None, typer.Option(min=1, help="of each trial (default: the plan's)")] = None,
    layout: LayoutName = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Search optimizer, rate, weight decay, loss, schedule and averaging. A fifth of the patients judges every trial.

    A killed search goes on when the same command is given again, and a finished one with more trials; what was tried
    stands in OUT.trials.

    Example: segmentation search --data Task04_Hippocampus --plan plan.yaml --trials 20 --out best.yaml
    """
    existing(data, "the folder")
    if plan is not None:
        existing(plan, "the plan")
    with refusals():
        chosen = choose_device(device)
        found, failures = surveyed(data, layout)
        made = plan_for(data, found, plan, None, layout)
        from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import
        from segmentation.learning.search import search as run

        tried = replace(made, steps=steps or made.steps)
        record = out.with_name(f"{out.name}.trials")
        result = run([one.case for one in found], tried, trials, device=chosen, told=_tell, record=record)
        write_atomically(out, plan_text(replace(result.plan, steps=made.steps)).encode())
    rows = [_row(trial) for trial in result.trials]
    best = {**result.plan.to_json(), "steps": made.steps}
    answer({"plan": best, "trials": rows, "failed": failed(failures)}, as_json=as_json)
    end(failures)


def _row(trial: Trial) -> dict[str, object]:
    """A failed trial's score is null: JSON has no word for nan."""
    return {**asdict(trial), "score": None if math.isnan(trial.score) else trial.score}


def _tell(trial: Trial, before: bool) -> None:
    say(f"trial {trial.number}: {trial.score:.4f} ({trial.ended}{', done before' if before else ''})")
