"""How good is a model at each hospital, on average over them, and what may the next one expect?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcome.evaluation.kinds import KINDS
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.evaluation.sites.meta_analysis import Scale, pool_sites
from outcome.evaluation.subgroups.groups import Group, Measure, subgroup_row, subgroups_of
from outcome.evaluation.subgroups.section import told_outcomes
from outcome.evaluation.summary import measure
from outcome.pipeline.evidence.model_entry import crossed_groups
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases
from outcome.types import EndpointKind, Estimate

SITE = "site"
ONE_SITE = "all cases come from one site: nothing can be said of how much sites differ"


@dataclass(frozen=True, eq=False)
class SiteRows:
    """What may be told of the sites, each with its metrics."""

    labels: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]

    def estimates(self, metric: str) -> list[Estimate]:
        return [row["metrics"][metric] for row in self.rows]

    def to_json(self) -> list[dict[str, Any]]:
        return [{"site": label, **_row(row)} for label, row in zip(self.labels, self.rows, strict=True)]


def sites(model: ModelCases) -> dict[str, Any]:
    """Every metric at every site, and the main ones pooled over sites by random effects.

    Small sites are hidden as in the subgroups: a row may not tell what another table keeps back.
    """
    chosen = model.chosen
    settings = Settings(chosen.horizon, model.threshold, curve_errors=False)
    sample = checked_sample(model.target, chosen.first_risk, chosen.score, settings)
    labels = model.cases.groups.get(SITE)
    if labels is None or len(set(labels[model.target.known])) < 2:
        return {"withheld": ONE_SITE}
    found = site_rows(sample, model.cases, crossed_groups(model.cases), lambda members: measure(sample.take(members)))
    return {"rows": found.to_json(), **pooled_part(found, model.target.kind)}


def pooled_part(found: SiteRows, kind: EndpointKind) -> dict[str, Any]:
    """The main metrics pooled over sites by random effects, and what that says in words."""
    pooled = [_pooled(found, metric, scale) for metric, scale in POOLED[kind].items()]
    return {"pooled": pooled, "words": _words(pooled)}


def site_rows(sample: Sample, cases: EndpointCases, crossed: Sequence[tuple[str, str]], measured: Measure) -> SiteRows:
    """The sites of a sample (the cases with a known outcome), hidden as in the subgroups; `measured` gives the metrics
    of a mask of its cases."""
    groups = {name: labels[cases.target.known] for name, labels in cases.groups.items()}
    told = told_outcomes(sample)
    is_event = told[0] if told else None
    names = KINDS[sample.target.kind].names(sample)

    def row(group: Group) -> Mapping[str, Any]:
        return subgroup_row(group, is_event, measured, names)

    found = [group for group in subgroups_of(groups, told, pairs=crossed) if group.variable == SITE]
    return SiteRows(tuple(group.label for group in found), tuple(row(group) for group in found))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {name: estimate.to_json() for name, estimate in row["metrics"].items()}
    return {"n": row["n"], "n_events": row["n_events"], "metrics": metrics}


def _pooled(found: SiteRows, metric: str, scale: Scale) -> dict[str, Any]:
    """Few sites that agree by chance must not claim certainty, hence the modified interval."""
    pooled = pool_sites(found.estimates(metric), scale, modified=True)
    return {
        "metric": metric,
        "estimate": pooled.average.to_json(),
        "prediction": pooled.next_site.to_json(),
        "tau2": pooled.tau2,
        "i2": pooled.i2,
        "method": pooled.average.method,
        "scale": scale,
        "n_sites": pooled.n_sites,
        "left_out": [_named(reason, found.labels) for reason in pooled.left_out],
    }


def _named(reason: str, labels: Sequence[str]) -> str:
    """The reason with the site's name for its position."""
    place, _, why = reason.removeprefix("site ").partition(": ")
    return f"{labels[int(place) - 1]}: {why}"


def _words(pooled: Sequence[Mapping[str, Any]]) -> str:
    first = pooled[0]
    average, following = first["estimate"], first["prediction"]
    if average["value"] is None:
        return f"Not pooled: {average['withheld']}."
    span = f"{average['value']:.2f} ({average['low']:.2f} to {average['high']:.2f})"
    mean = f"Over {first['n_sites']} sites the average {first['metric']} is {span}"
    if following["value"] is None:
        return f"{mean}; nothing is foretold for the next site: {following['withheld']}."
    ahead = f"{following['low']:.2f} to {following['high']:.2f}"
    return f"{mean}; at another site like these it is expected between {ahead}. I² is {100 * first['i2']:.0f} %."


POOLED: dict[EndpointKind, dict[str, Scale]] = {
    EndpointKind.BINARY: {"auroc": "logit", "oe_ratio": "log", "slope": "identity"},
    EndpointKind.TIME_TO_EVENT: {"harrell_c": "logit", "oe_ratio_t": "log", "slope_t": "identity"},
    EndpointKind.DURATION: {"concordance": "logit"},
    EndpointKind.ORDINAL: {"concordance": "logit"},
    EndpointKind.CONTINUOUS: {"concordance": "logit"},
}
