"""All results of a benchmark as rows of tables, numbers as a reader sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from segmentation.benchmark.cases_of_model import ALL, NO_NOISE, ModelCases
from segmentation.benchmark.ranking import paired_difference, ranks
from segmentation.metrics import METRICS, Measured
from segmentation.metrics.by_size import by_size
from segmentation.metrics.estimates import Estimate, PatientDraws

SHOWN = (
    "dice", "jaccard", "accuracy", "precision", "sensitivity", "specificity", "hausdorff_95_mm", "surface_dice",
)  # fmt: skip
COSTS = ("train_s", "train_cpu_s", "case_s", "case_cpu_s", "peak_mb")
Row = dict[str, str]


@dataclass(frozen=True)
class Compared:
    """One data set's results: its test cases with their patients, its regions, and each model's cases.

    `complete` are the models all of whose cells are there; `shares` each region's share of the voxels learned from.
    """

    name: str
    patients: Mapping[str, str]
    regions: Sequence[str]
    models: Mapping[str, ModelCases]
    complete: Sequence[str]
    shares: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    noise: tuple[float, ...] = ()

    @property
    def draws(self) -> PatientDraws:
        """The resamples of this data set's patients, the same for all models and measures."""
        seed = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big")
        return PatientDraws(list(self.patients.values()), seed)

    @property
    def against(self) -> str:
        """Whom differences are to: the named reference, or the best by mean Dice; "" where neither is there."""
        if self.reference:
            return self.reference if self.reference in self.models else ""
        scores = {name: _mean(self.models[name].values("dice")) for name in self.complete}
        return max(scores, key=lambda name: scores[name], default="")


def number(value: float | int | None) -> str:
    """A number as tables and page write it; "" for none. Small ones and those just below 1 keep more digits."""
    if value is None:
        return ""
    if isinstance(value, int) or abs(value) >= 1000 or value == round(value):
        return str(round(value))
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) < 0.01:
        return f"{value:.2g}"
    text = f"{value:.3f}"
    return f"{value:.4g}" if text in ("1.000", "-1.000") else text


def main_rows(seen: Compared) -> list[Row]:
    """A row a model, best first: every measure over all regions with its interval, and what it cost."""
    draws, rows = seen.draws, []
    for name, model in seen.models.items():
        row = {"data": seen.name, "model": name, "cases": _count(model.values("dice"))}
        for metric in SHOWN:
            found = draws.mean(model.values(metric))
            row |= {
                metric: number(found.value),
                f"{metric}_low": number(found.low),
                f"{metric}_high": number(found.high),
            }
        costs = {cost: number(model.cost(cost)) for cost in COSTS}
        rows.append({**row, **costs, "parameters": _parameters(model), "steps": number(model.cost("steps"))})
    return sorted(rows, key=lambda row: -float(row["dice"] or "-1"))


def rank_rows(seen: Compared) -> list[Row]:
    """Ranks by mean Dice of the models that are complete, best first."""
    found = ranks({name: seen.models[name].values("dice") for name in seen.complete}, seen.draws)
    order = sorted(found, key=lambda name: (found[name].rank, name))
    return [
        {"data": seen.name, "model": name, "rank": str(found[name].rank), "rank_low": str(found[name].low),
         "rank_high": str(found[name].high), "share_first": number(found[name].first)}
        for name in order
    ]  # fmt: skip


def difference_rows(seen: Compared) -> list[Row]:
    """Every measure's paired difference to the reference, over all regions and in each."""
    against, draws = seen.against, seen.draws
    if not against:
        return []
    return [
        {"data": seen.name, "model": name, "reference": against, "region": region, "metric": metric,
         **_estimate(paired_difference(
             model.values(metric, region), seen.models[against].values(metric, region), draws))}
        for name, model in seen.models.items() if name != against
        for region in (ALL, *(seen.regions if len(seen.regions) > 1 else ()))
        for metric in SHOWN
    ]  # fmt: skip


def region_rows(seen: Compared) -> list[Row]:
    """Every measure of every region with its interval."""
    draws = seen.draws
    return [
        {"data": seen.name, "model": name, "region": region, "metric": metric, "unit": METRICS[metric].unit,
         **_estimate(draws.mean(model.values(metric, region)))}
        for name, model in seen.models.items() for region in seen.regions for metric in SHOWN
    ]  # fmt: skip


def error_rows(seen: Compared) -> list[Row]:
    """Where the errors are: by size, near borders, by how rare a region is, and under noise."""
    rows = []
    for name, model in seen.models.items():
        for region in seen.regions:
            found = [*_sizes(seen, model, region), *_borders(seen, model, region), *_imbalance(seen, model, region)]
            rows += [{"data": seen.name, "model": name, "region": region, **row} for row in found]
        rows += [{"data": seen.name, "model": name, "region": ALL, **row} for row in _noise(seen, model)]
    return rows


def case_rows(seen: Compared) -> list[Row]:
    """Every measure of every region and case, one a row, to the last digit; missing ones with the reason."""
    return [
        {"data": seen.name, "model": name, "case": case, "patient": seen.patients[case], "region": region,
         "metric": metric, "value": "" if one.value is None else repr(one.value), "unit": METRICS[metric].unit,
         "reason": one.reason}
        for name, model in seen.models.items() for region in seen.regions for metric in METRICS
        for case, one in zip(model.cases, model.values(metric, region), strict=True)
    ]  # fmt: skip


def mean_ranks(compared: Sequence[Compared]) -> list[Row]:
    """The mean rank over several data sets of the models that are complete on all of them."""
    common = [name for name in compared[0].complete if all(name in seen.complete for seen in compared)]
    if len(compared) < 2 or not common:
        return []
    tables = [
        {row["model"]: int(row["rank"]) for row in rank_rows(_only(seen, common))} for seen in compared
    ]  # fmt: skip
    means = {name: fmean(table[name] for table in tables) for name in common if all(name in t for t in tables)}
    return [{"model": name, "mean_rank": number(means[name])} for name in sorted(means, key=lambda n: (means[n], n))]


def _only(seen: Compared, names: Sequence[str]) -> Compared:
    return Compared(seen.name, seen.patients, seen.regions, seen.models, names)


def _sizes(seen: Compared, model: ModelCases, region: str) -> list[Row]:
    dice = [one.value or 0.0 for one in model.values("dice", region)]
    groups = by_size(model.sizes(region), dice, list(seen.patients.values()))
    words = ("smallest third", "middle third", "largest third")
    return [
        {"analysis": "size", "group": f"{word}: {number(g.smallest)} to {number(g.largest)}", "what": "Dice",
         **_estimate(g.dice)}
        for word, g in zip(words, groups, strict=False)
    ]  # fmt: skip


def _borders(seen: Compared, model: ModelCases, region: str) -> list[Row]:
    shares = [_mean_of([one.near_share for one in runs], "no error, or no border") for runs in model.errors(region)]
    found = _estimate(seen.draws.mean(shares))
    return [{"analysis": "boundary", "group": "near the given border", "what": "share of wrong voxels", **found}]


def _imbalance(seen: Compared, model: ModelCases, region: str) -> list[Row]:
    share = seen.shares.get(region)
    group = f"1 voxel in {number(float(round(1 / share)))}" if share else "no voxel learned from"
    rows = []
    for what, part in (("wrongly added, per given voxel", "added"), ("left out, per given voxel", "left_out")):
        ratios = [
            _mean_of([getattr(one, part) / one.given if one.given else None for one in runs], "not in this case")
            for runs in model.errors(region)
        ]
        rows.append({"analysis": "imbalance", "group": group, "what": what, **_estimate(seen.draws.mean(ratios))})
    return rows


def _noise(seen: Compared, model: ModelCases) -> list[Row]:
    """Dice of the same cases without and with noise, and the paired loss."""
    rows: list[Row] = []
    clean = model.values("dice")
    for level in seen.noise:
        found = model.under_noise(repr(level))
        if not any(one.value is not None for one in found):
            continue
        same = [a if b.value is not None else Measured(None, NO_NOISE) for a, b in zip(clean, found, strict=True)]
        if not rows:
            rows.append({"analysis": "noise", "group": "0", "what": "Dice", **_estimate(seen.draws.mean(same))})
        rows.append({"analysis": "noise", "group": f"{level:g}", "what": "Dice", **_estimate(seen.draws.mean(found))})
        lost = paired_difference(found, same, seen.draws)
        rows.append({"analysis": "noise", "group": f"{level:g}", "what": "change of Dice", **_estimate(lost)})
    return rows


def _estimate(found: Estimate) -> Row:
    missing = "; ".join(f"{n}: {reason}" for reason, n in found.missing.items())
    ends = {"value": number(found.value), "low": number(found.low), "high": number(found.high)}
    return {**ends, "n": str(found.n), "missing": missing}


def _count(values: Sequence[Measured]) -> str:
    return str(sum(one.value is not None for one in values))


def _mean(values: Sequence[Measured]) -> float:
    known = [one.value for one in values if one.value is not None]
    return fmean(known) if known else float("-inf")


def _mean_of(found: Sequence[float | None], reason: str) -> Measured:
    known = [one for one in found if one is not None]
    return Measured(fmean(known)) if known else Measured(None, reason)


def _parameters(model: ModelCases) -> str:
    return str(model.results[0]["parameters"]) if model.results else ""


Tables = dict[str, list[Row]]


def tables_of(compared: Sequence[Compared]) -> Tables:
    """Every table by name, the data sets one below the other."""
    made: Tables = {
        name: [row for seen in compared for row in rows(seen)] for name, rows in TABLES.items()
    }  # fmt: skip
    return {**made, "mean_ranks": mean_ranks(compared)} if compared else made


TABLES: dict[str, Any] = {
    "table": main_rows,
    "ranking": rank_rows,
    "differences": difference_rows,
    "regions": region_rows,
    "errors": error_rows,
    "cases": case_rows,
}
