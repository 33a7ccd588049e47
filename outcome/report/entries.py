"""Where each model stands in `metrics.json` (docs/store.md): partition, endpoint, input set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcome.report.numbers import is_number
from outcome.report.wording import primary_metric

Json = Mapping[str, Any]


@dataclass(frozen=True)
class ModelEntry:
    """One model's place in `metrics.json`: partition, endpoint and input set, each with its name."""

    partition_name: str
    partition: Json
    endpoint_name: str
    endpoint: Json
    inputs: str
    model: Json

    @property
    def label(self) -> str:
        return str(self.endpoint.get("label") or self.endpoint_name)

    @property
    def metric(self) -> str:
        """The name under which the primary metric is stored (it may carry a horizon)."""
        base = primary_metric(str(self.endpoint.get("kind")))
        stored = [name for name in self.model.get("metrics", {}) if name.partition("@")[0] == base]
        return stored[0] if stored else base


def model_entries(metrics: Json) -> Iterator[ModelEntry]:
    """Every model of every endpoint of every partition, in the order of the file."""
    for partition_name, partition in (metrics.get("partitions") or {}).items():
        for endpoint_name, endpoint in (partition.get("endpoints") or {}).items():
            for inputs, model in _models(endpoint).items():
                yield ModelEntry(partition_name, partition, endpoint_name, endpoint, inputs, model)


def _models(endpoint: Json) -> dict[str, Json]:
    """An endpoint's models by input set, those that could not be made with the reason in place of their number."""
    primary = primary_metric(str(endpoint.get("kind")))
    silent = {
        inputs: {"metrics": {primary: {"value": None, "withheld": f"no model: {reason}"}}}
        for inputs, reason in (endpoint.get("not_modelled") or {}).items()
    }
    return {**silent, **{inputs: model or {} for inputs, model in (endpoint.get("models") or {}).items()}}


def horizons(endpoint: Json) -> list[float]:
    """The days at which an endpoint's risk is stated and measured, the first one first."""
    models = (endpoint.get("models") or {}).values()
    later = {float(day) for model in models for day in (model or {}).get("other_horizons") or {}}
    first = endpoint.get("horizon_days")
    days = list(first) if isinstance(first, Sequence) else [first] if is_number(first) else []
    return days + sorted(later - set(days))


def all_metrics(model: Json, first_day: object = None) -> dict[str, Any]:
    """A model's metrics; where there are several horizons, each number at one carries its day (`auc_t@1826`)."""
    metrics = dict(model.get("metrics") or {})
    further = model.get("other_horizons") or {}
    if further and is_number(first_day):
        metrics = {f"{name}@{first_day:g}" if name.endswith("_t") else name: found for name, found in metrics.items()}
    for day, later in further.items():
        metrics |= {f"{name}@{day}": number for name, number in later.items() if name.endswith("_t")}
    return metrics
