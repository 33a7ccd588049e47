"""Each rung of the ladder against the one below it and against the chosen model: what paired intervals allow to say.

A gain is claimed only where the paired interval excludes zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcome.report.entries import Json, ModelEntry
from outcome.report.figures import steps_svg
from outcome.report.numbers import format_difference, is_number
from outcome.report.pieces import Drawing, Folded, Group, Pieces, Table, Words
from outcome.report.wording import AMOUNT_METRICS, LOWER_IS_BETTER, amount_unit, inputs_words, metric_of, rung_words

NO_GAIN = "no gain claimed: every interval covers zero"
CLAIMS = (
    "Differences are paired on the same cases, each with its 95 % interval. No gain is claimed where the interval "
    "covers zero. Of many such intervals about one in twenty excludes zero by chance alone."
)
ERRORS = "Of an error a negative difference is the better one."
THRESHOLD = "Net benefit is taken at the chosen model's threshold for every rung."
CAPTION = (
    "A point right of the dashed line ranks better than the rung below; an interval across the line shows no gain."
)


def step_pieces(entry: ModelEntry) -> Pieces:
    """The ladder step by step, then the chosen model against each rung; nothing where no difference was filed."""
    rows = entry.model.get("ladder") or []
    steps = [row for row in rows if row.get("over_below")]
    chosen = [row for row in rows if row.get("chosen_over")]
    stored = {name for row in (*steps, *chosen) for name in row.get("over_below") or row["chosen_over"]}
    names = sorted(stored, key=lambda name: (name != entry.metric, name))  # files hold them by the alphabet
    if not names:
        return ()
    up = _table(entry, names, steps, "over_below", "Rung", "Less the rung below")
    down = _table(entry, names, chosen, "chosen_over", "Chosen model less", "")
    figure = Folded("The steps as a figure", (Drawing(_figure(entry, steps), CAPTION),))
    words = " ".join([CLAIMS, ERRORS, *([THRESHOLD] if "net_benefit" in names else [])])
    return (
        Group("Step by step: what each rung adds", (up, Words(words, muted=True), figure)),
        Group("The choice", (down,)),
    )


def what_it_shows(differences: Mapping[str, Json]) -> str:
    """In which metrics a paired difference (this minus the other) shows something, in plain words."""
    clear = {name: _sign(name, each) for name, each in differences.items()}
    found = [
        f"{word} in {', '.join(metric_of(name)[0].label for name in clear if clear[name] == sign)}"
        for sign, word in ((1, "better"), (-1, "worse"))
        if sign in clear.values()
    ]
    if found:
        return "; ".join(found)
    reasons = {str(each.get("withheld")) for each in differences.values() if not is_number(each.get("value"))}
    given = len(differences) > sum(not is_number(each.get("value")) for each in differences.values())
    return NO_GAIN if given or not reasons else f"no comparison: {', '.join(sorted(reasons))}"


def _sign(name: str, difference: Json) -> int:
    """1 where the interval shows a gain, -1 a loss, 0 neither."""
    low, high = difference.get("low"), difference.get("high")
    if not (is_number(low) and is_number(high)) or low <= 0 <= high:
        return 0
    return (1 if low > 0 else -1) * (-1 if name in LOWER_IS_BETTER else 1)


def _table(entry: ModelEntry, names: Sequence[str], rows: Sequence[Json], part: str, first: str, second: str) -> Table:
    labels = tuple(metric_of(name)[0].label for name in names)
    header = (first, *((second,) if second else ()), *labels, "What this shows")
    cells = tuple(
        (
            rung_words(str(row["rung"])),
            *((rung_words(str(row["below"])),) if second else ()),
            *(_cell(entry, name, row[part].get(name)) for name in names),
            what_it_shows(row[part]),
        )
        for row in rows
    )
    return Table(header, cells)


def _cell(entry: ModelEntry, name: str, difference: Json | None) -> str:
    unit = amount_unit(entry.endpoint) if name in AMOUNT_METRICS else ""
    return format_difference(difference, decimals=metric_of(name)[0].decimals, unit=unit)


def _figure(entry: ModelEntry, steps: Sequence[Json]) -> str | None:
    labels = [f"{rung_words(str(row['rung']))} less {rung_words(str(row['below']))}" for row in steps]
    place = f"{entry.label}, {inputs_words(entry.inputs)} inputs, {entry.partition_name.replace('_', ' ')}"
    title = f"Difference in {metric_of(entry.metric)[1]}: steps of the ladder, {place}"
    return steps_svg(labels, [row["over_below"].get(entry.metric) for row in steps], title)
