"""`segmentation benchmark` and `segmentation ablate`: models compared with one another, a plan with its own changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segmentation.benchmark.ablation import benchmark_of
from segmentation.benchmark.config import AblationConfig, BenchmarkConfig, DataEntry, read_config
from segmentation.cli.answers import EXIT_SOME_FAILED, AsJson, Device, answer, existing, refusals, say
from segmentation.cli.learning_data import surveyed
from segmentation.datasets.layouts import read_dataset
from segmentation.device import choose_device

if TYPE_CHECKING:
    from segmentation.benchmark.loaded import Loaded

Out = Annotated[Path, typer.Option(help="folder for tables, page and cells; a killed run goes on in it")]
TogetherOnly = Annotated[
    bool, typer.Option("--one-process", help="all cells in this process: quicker to start, no peak")
]
OldCode = Annotated[bool, typer.Option("--old-code", help="keep finished cells that another version of the code made")]


@dataclass(frozen=True)
class Manner:
    """How a comparison runs and answers, from a command's options."""

    device: str
    isolated: bool
    old_code: bool
    as_json: bool


def benchmark(
    config: Annotated[Path, typer.Argument(help="YAML: data, models, budget, seeds")],
    out: Out,
    one_process: TogetherOnly = False,
    old_code: OldCode = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train every model on every data set and compare: tables as CSV, a page with errors and pictures, resumable.

    Example: segmentation benchmark configs/benchmarks/five_models.yaml --out five
    """
    with refusals():
        asked = read_config(existing(config, "the file"), BenchmarkConfig)
        _compete(asked, config.parent, out, Manner(device, not one_process, old_code, as_json))


def ablate(
    config: Annotated[Path, typer.Argument(help="YAML: data, base, switches, budget, seeds")],
    out: Out,
    one_process: TogetherOnly = False,
    old_code: OldCode = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train one plan and the same plan with one part changed at a time: what each part brings, paired by case.

    Example: segmentation ablate configs/benchmarks/ablation.yaml --out ablation
    """
    with refusals():
        asked = benchmark_of(read_config(existing(config, "the file"), AblationConfig))
        _compete(asked, config.parent, out, Manner(device, not one_process, old_code, as_json))


def _compete(config: BenchmarkConfig, beside: Path, out: Path, how: Manner) -> None:
    from segmentation.benchmark.planning_cells import Course  # torch takes seconds to import
    from segmentation.benchmark.results import PAGE, write_results
    from segmentation.benchmark.running import run_cells

    course = Course(config, beside, out, choose_device(how.device), how.old_code)
    data, left_out = _loaded(config.data, beside)
    outcomes = run_cells(course.works(data), say, isolated=how.isolated)
    tables, failures = write_results(course, data, outcomes, left_out)
    shown = {name: rows for name, rows in tables.items() if name != "cases"}
    document: dict[str, Any] = {"page": str(out / PAGE), "failed": dict(failures)}
    answer({**document, **(shown if how.as_json else _words(tables["table"]))}, as_json=how.as_json)
    if failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _loaded(entries: Sequence[DataEntry], beside: Path) -> tuple[list[Loaded], dict[str, str]]:
    from segmentation.benchmark.loaded import loaded  # torch takes seconds to import

    found: list[Loaded] = []
    left_out: dict[str, str] = {}
    for entry in entries:
        folder = entry.folder(beside)
        surveys, failures = surveyed(folder, entry.layout)
        found.append(loaded(entry, read_dataset(folder, entry.layout), surveys))
        left_out |= {f"{entry.name}: {name}": error.code for name, error in failures.items()}
    return found, left_out


def _words(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    return {
        f"{row['data']} {row['model']}": f"Dice {row['dice']} ({row['dice_low']} to {row['dice_high']})" for row in rows
    }
