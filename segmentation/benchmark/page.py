"""The benchmark's page: one file that holds everything and opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from segmentation.benchmark.cases_of_model import ALL
from segmentation.benchmark.charts import curves, intervals
from segmentation.benchmark.document import SHOWN, Compared, Row, Tables
from segmentation.benchmark.page_text import PAGE, STYLE
from segmentation.metrics.estimates import RESAMPLES
from segmentation.review.pictures import colours

MEASURES = {
    "dice": "Dice", "jaccard": "IoU", "accuracy": "accuracy", "precision": "precision", "sensitivity": "sensitivity",
    "specificity": "specificity", "hausdorff_95_mm": "HD95 mm", "surface_dice": "surface Dice",
}  # fmt: skip
Pictures = Sequence[tuple[str, Sequence[tuple[str, str, str]]]]  # model, then kind, case and address of each


@dataclass(frozen=True)
class Section:
    """What the page says of one data set beside its tables: `about` in a sentence, overlays by model."""

    compared: Compared
    about: str
    overlays: Pictures
    labels: Mapping[str, int]


@dataclass(frozen=True)
class Heading:
    """What stands above the tables. `failures` names what is not in them, and why."""

    title: str
    budget: str
    seeds: str
    failures: Sequence[tuple[str, str]]
    boundary: str
    minutes: bool = False
    folds: bool = False


def benchmark_page(heading: Heading, sections: Sequence[Section], tables: Tables) -> str:
    """The page. Equal results give an equal page, costs apart."""
    page = Environment(autoescape=True, trim_blocks=True).from_string(PAGE)
    parts = [_part(section, tables, heading) for section in sections]
    return page.render(
        **vars(heading), parts=parts, style=Markup(STYLE), shown=SHOWN, measures=MEASURES, resamples=RESAMPLES,
        mean_ranks=tables.get("mean_ranks", []), analyses=_analyses(heading.boundary),
        worded=("model", "region", "metric", "group", "what", "unit"),
    )  # fmt: skip


def _part(section: Section, tables: Tables, heading: Heading) -> dict[str, Any]:
    seen = section.compared
    rows = {name: [row for row in of if row.get("data") == seen.name] for name, of in tables.items()}
    overall = [row for row in rows["differences"] if row["region"] == ALL]
    dice = [row for row in overall if row["metric"] == "dice"]
    errors = {kind: [row for row in rows["errors"] if row["analysis"] == kind] for kind, _ in _analyses("")}
    order = {row["model"]: place for place, row in enumerate(rows["table"])}
    words = f"differences of Dice to {seen.against} on {seen.name}"
    return {
        "name": seen.name, "about": section.about, "table": rows["table"], "ranking": rows["ranking"],
        "regions": f"{len(seen.regions)} regions" if len(seen.regions) > 1 else seen.regions[0],
        "dice_chart": _chart(intervals(rows["table"], ("dice", "dice_low", "dice_high"), f"Dice on {seen.name}")),
        "difference_chart": _chart(
            intervals(sorted(dice, key=lambda row: order[row["model"]]), ("value", "low", "high"), words, zero=True)
        ),
        "noise_chart": _chart(curves(errors["noise"], f"Dice against added noise on {seen.name}")),
        "reference": seen.against, "by_best": not seen.reference, "pairs": _pairs(overall, order),
        "differences": rows["differences"], "errors": errors, "by_region": rows["regions"],
        "overlays": sorted(section.overlays, key=lambda one: order.get(one[0], 0)),
        "key": [(name, colours(section.labels)[label]) for name, label in section.labels.items()],
        "fold_words": " and fold" if heading.folds else "",
    }  # fmt: skip


def _pairs(rows: Sequence[Row], order: Mapping[str, int]) -> dict[str, dict[str, Row]]:
    """Differences by model and measure, in the order of the table."""
    found: dict[str, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: order[row["model"]]):
        found.setdefault(row["model"], {})[row["metric"]] = row
    return found


def _chart(text: str) -> Markup:
    return Markup(text)


def _analyses(boundary: str) -> tuple[tuple[str, tuple[str, str]], ...]:
    return (
        ("size", ("By size", "Mean Dice in thirds of the cases by the region's given volume (ml; voxels without mm).")),
        ("boundary", ("At borders", f"The share of the wrong voxels that lie within {boundary} of the other side of "
         "the given border: near 1, the region is found and its edge is inexact; far below 1, pieces lie elsewhere.")),
        ("noise", ("Under noise", "Dice of the same cases with Gaussian noise added, in standard deviations of the "
         "image, and the paired change.")),
        ("imbalance", ("Class imbalance", "How rare a region is among the voxels learned from, and its wrongly added "
         "and left-out voxels for each given one.")),
    )  # fmt: skip
