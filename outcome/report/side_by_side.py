"""One number for each model at each hospital, beside the best that any model could reach where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from outcome.report.entries import Json
from outcome.report.numbers import EN_DASH, format_estimate, is_number
from outcome.report.wording import metric_of, rung_words

BEST = "best possible (the true risk)"
CAPTION = (
    f"with 95 % interval; {EN_DASH}: the model gives every case the same score, or is not there. Made-up patients "
    "whose true risk is known. Research use only."
)


@dataclass(frozen=True)
class SideBySide:
    """Rows are models, columns are hospitals; the first column of a row names the model."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "header": list(self.header), "rows": [list(row) for row in self.rows]}

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [f"# {self.title}", "", _line(self.header), _line(["---"] * len(self.header))]
        return "\n".join([*lines, *(_line(row) for row in self.rows), "", self.caption, ""])


def side_by_side(
    metrics: Mapping[str, Json], best: Mapping[str, float], *, endpoint: str, inputs: str, metric: str
) -> SideBySide:
    """Every rung's metric for one endpoint and input set, by study, and the best possible value on those cases.

    `metrics` holds each study's metrics.json, `best` the value that the true risk reaches. A number that a study
    does not have is a dash.
    """
    columns = {name: _rungs(document, endpoint, inputs, metric) for name, document in metrics.items()}
    rungs = list(dict.fromkeys(rung for found in columns.values() for rung in found))
    decimals = metric_of(metric)[0].decimals
    rows = [(rung_words(rung), *(_text(found.get(rung), decimals) for found in columns.values())) for rung in rungs]
    rows.append((BEST, *(_plain(best.get(name), decimals) for name in columns)))
    label = _label(metrics, endpoint)
    caption = f"{metric_of(metric)[0].label} {CAPTION}"
    return SideBySide(f"{label}: what each model recovers", ("model", *columns), tuple(rows), caption)


def _rungs(document: Json, endpoint: str, inputs: str, metric: str) -> dict[str, Json]:
    """The metric by rung over the study's only partition, the chosen rung marked."""
    (partition,) = document["partitions"].values()
    model = partition["endpoints"][endpoint]["models"].get(inputs)
    if model is None:
        return {}
    found = {row["rung"]: row["metrics"].get(metric, {}) for row in model["ladder"]}
    return {**found, f"chosen: {model['rung']}": model["metrics"].get(metric, {})}


def _label(metrics: Mapping[str, Json], endpoint: str) -> str:
    document = next(iter(metrics.values()))
    (partition,) = document["partitions"].values()
    return str(partition["endpoints"][endpoint]["label"])


def _text(estimate: Json | None, decimals: int) -> str:
    if not estimate or not is_number(estimate.get("value")):
        return EN_DASH
    return format_estimate(estimate, decimals=decimals)


def _plain(value: float | None, decimals: int) -> str:
    return f"{value:.{decimals}f}" if is_number(value) else EN_DASH


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
