"""`segmentation evaluate`: how well masks agree with given ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from segmentation.cli.answers import AsJson, Failures, answer, end, existing, failed, refusals
from segmentation.datasets.decathlon import case_name, image_files
from segmentation.errors import ImageRefusal
from segmentation.metrics import dice_by_region
from segmentation.reading import read_mask

RESAMPLES, LEVEL = 2000, 0.95


def evaluate(
    predictions: Annotated[Path, typer.Option(help="folder of masks to judge")],
    truth: Annotated[Path, typer.Option(help="folder of given masks with the same names")],
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
    as_json: AsJson = False,
) -> None:
    """Dice of every label: the mean over the cases, with a bootstrap interval. A missing prediction is named.

    Example: segmentation evaluate --predictions masks --truth labelsTs --json
    """
    given = {case_name(path): path for path in image_files(existing(truth, "the folder"))}
    drawn = {case_name(path): path for path in image_files(existing(predictions, "the folder"))}
    with refusals():
        labels = _labels(list(given.values()))
    scores: dict[str, dict[str, float]] = {}
    failures: Failures = {}
    for name, path in given.items():
        try:
            scores[name] = _compared(name, drawn.get(name), path, labels)
        except ImageRefusal as error:
            failures[name] = error
    document = {"cases": len(scores), **summary(scores, seed), "failed": failed(failures)}
    answer(document, as_json=as_json)
    end(failures)


def summary(scores: dict[str, dict[str, float]], seed: int) -> dict[str, Any]:
    """Mean Dice by label and over labels, from Dice by case and label; intervals resample cases, the labels' together.

    The summary is the mean over cases of a case's mean over its labels. Percentile intervals at 95 %.
    """
    if not scores:
        return {"labels": {}, "summary": {}}
    labels = list(next(iter(scores.values())))
    table = np.array([[of_case[label] for label in labels] for of_case in scores.values()])
    table = np.column_stack([table, table.mean(axis=1)])
    picks = np.random.default_rng(seed).integers(len(table), size=(RESAMPLES, len(table)))
    tail = 50 * (1 - LEVEL)
    bounds = np.percentile(table[picks].mean(axis=1), [tail, 100 - tail], axis=0)
    rows = [
        {"dice": float(mean), "low": float(low), "high": float(high)}
        for mean, low, high in zip(table.mean(axis=0), *bounds, strict=True)
    ]
    about = {"level": LEVEL, "method": f"bootstrap of cases, {RESAMPLES} resamples, percentile", "n": len(table)}
    return {"labels": dict(zip(labels, rows[:-1], strict=True)), "summary": {**rows[-1], **about}}


def _labels(paths: list[Path]) -> dict[str, int]:
    """Every label that a given mask holds."""
    found: set[int] = set()
    for path in paths:
        try:
            mask = read_mask(path, {"1": 1})
        except ImageRefusal:
            continue  # named when its case is compared
        found |= set(mask.unnamed) | ({1} if mask.labels.any() else set())
    if not found:
        step = "name a folder of masks"
        raise ImageRefusal("no_cases", "No label to judge by.", expected="masks", found="none", next_step=step)
    return {str(label): label for label in sorted(found)}


def _compared(name: str, drawn: Path | None, given: Path, labels: dict[str, int]) -> dict[str, float]:
    if drawn is None:
        step = "predict it, or judge by fewer masks"
        raise ImageRefusal(
            "missing_file", f"{name} has no prediction.", expected="a mask of that name", found="none", next_step=step
        )
    return dice_by_region(read_mask(given, labels), read_mask(drawn, labels))
