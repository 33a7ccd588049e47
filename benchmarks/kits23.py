"""The results of a finished study as Markdown tables: what docs/results/kits23.md shows.

outcome run configs/kits23.yaml --store store --workers 2
python -m benchmarks.kits23 store/kits23
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from outcome.report.entries import ModelEntry, model_entries
from outcome.report.numbers import format_estimate
from outcome.report.tables import first_comparator
from outcome.report.wording import metric_of, partition_title

_MEASURED = ("measure", "model", "comparator alone", "difference", "O/E", "slope")
_HEADER = ("endpoint", "inputs", "events / n", "chosen model", *_MEASURED)
_SIMPLER = ("endpoint", "inputs", "chosen model", "simpler", "measure", "simpler alone", "chosen - simpler",
            "within folds")  # fmt: skip
_REPEATED = ("endpoint", "inputs", "measure", "pooled", "within folds", "chosen in outer folds")
_RUNGS = ("one number", "clinical", "clinical + plan")
_INPUTS = {"preoperative": "without plan", "with_plan": "with plan"}


def main(folder: Path) -> int:
    metrics = json.loads(next(folder.glob("evaluate/*/metrics.json")).read_text())
    print("\n".join(tables(metrics)))
    print(f"\n### Beside what is simpler, cases 00000 to 00209\n\n| {' | '.join(_SIMPLER)} |")
    print("|" + "---|" * len(_SIMPLER))
    print("\n".join(simpler(metrics)))
    again = list(repeated(metrics))
    if again:
        print(f"\n### Over several partitions into outer folds\n\n| {' | '.join(_REPEATED)} |")
        print("|" + "---|" * len(_REPEATED))
        print("\n".join(again))
    return 0


def tables(metrics: Mapping[str, Any]) -> Iterator[str]:
    """One table a partition, every endpoint with and without the planned variables, beside the comparator alone."""
    title = ""
    for entry in model_entries(metrics):
        here = partition_title(entry.partition_name, entry.partition)
        if here != title:
            title = here
            yield f"\n### {title}\n"
            yield f"| {' | '.join(_HEADER)} |"
            yield "|" + "---|" * len(_HEADER)
        yield "| " + " | ".join(_cells(entry)) + " |"


def simpler(metrics: Mapping[str, Any]) -> Iterator[str]:
    """What the choice adds to scores, tumour size and the simple rungs: a row each; what is withheld is left out."""
    for entry in model_entries(metrics):
        if entry.partition_name != "development":
            continue
        rivals = {
            name: ((rival.get("metrics") or {}).get(entry.metric), (rival.get("difference") or {}).get(entry.inputs))
            for name, rival in entry.endpoint["comparators"].items()
        } | {
            f"model: {row['rung']}": (row["metrics"].get(entry.metric), row["difference"])
            for row in entry.model["ladder"]
            if row["rung"] in _RUNGS and row["rung"] != entry.model["rung"]
        }
        within = within_folds(entry)
        for name, (alone, difference) in rivals.items():
            if difference is not None and difference["value"] is not None:
                first = (entry.label.partition(" (")[0], _INPUTS[entry.inputs], entry.model["rung"], name)
                numbers = (_text(alone), _text(difference, signed=True), _text(within.get(name), signed=True))
                row = (*first, metric_of(entry.metric)[1], *numbers)
                yield f"| {' | '.join(row)} |"


def repeated(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The choice over the partitions of `training.outer_repeats`: mean (least to largest), and what was chosen."""
    for entry in model_entries(metrics):
        told = entry.model.get("outer_repeats")
        if told:
            numbers = (_spread(told["pooled"]), _spread(told["within_folds"]))
            chosen = "; ".join(f"{name}: {n}" for name, n in told["chosen_in_outer_folds"].items())
            first = (entry.label.partition(" (")[0], _INPUTS[entry.inputs], metric_of(told["metric"])[1])
            yield f"| {' | '.join((*first, *numbers, chosen))} |"


def _spread(told: Mapping[str, float] | None) -> str:
    return f"{told['mean']:.2f} ({told['smallest']:.2f} to {told['largest']:.2f})" if told else "–"


def within_folds(entry: ModelEntry) -> dict[str, Mapping[str, Any]]:
    """The choice minus each of what is simpler, ranked within outer folds, by its name in the table."""
    rows = (entry.model.get("within_folds") or {}).get("rows") or []
    names = {"rung": "model: {}", "comparator": "{}"}
    return {
        names[row["kind"]].format(row["name"]): row["difference"]
        for row in rows
        if row["kind"] in names and row["difference"] is not None
    }


def _cells(entry: ModelEntry) -> tuple[str, ...]:
    _, comparator = first_comparator(entry.endpoint)
    metrics, events = entry.model["metrics"], entry.endpoint["n_events"]
    difference = (comparator.get("difference") or {}).get(entry.inputs)
    return (
        entry.label.partition(" (")[0],
        _INPUTS[entry.inputs],
        f"{'' if events is None else f'{events} / '}{entry.endpoint['n']}",
        entry.model["rung"],
        metric_of(entry.metric)[1],
        _text(metrics.get(entry.metric)),
        _text((comparator.get("metrics") or {}).get(entry.metric)),
        _text(difference, signed=True),
        _text(metrics.get("oe_ratio") or metrics.get("oe_ratio_t")),
        _text(metrics.get("slope")),
    )


def _text(estimate: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    if estimate is None:
        return "–"
    words = format_estimate(estimate, signed=signed)
    return words.partition(":")[0] if estimate["value"] is None else words


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
