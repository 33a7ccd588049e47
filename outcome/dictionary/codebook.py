"""The dictionary for people: a codebook page, and the overview of all dictionaries of a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from outcome.dictionary.collection import DataDictionary
from outcome.dictionary.variable import Availability, Range, Role, Variable

_COLUMNS = ("variable", "meaning", "type", "unit", "values", "roles", "raw column")


def codebook(dictionary: DataDictionary, title: str) -> str:
    """A Markdown page with one table an availability; the order is the dictionary's."""
    parts = [f"# {title}", "", _summary(dictionary), ""]
    for availability in Availability:
        chosen = [variable for variable in dictionary if variable.availability is availability]
        if chosen:
            parts += [f"## Known: {availability}", "", *_table(chosen), ""]
    notes = [f"- `{variable.name}`: {variable.note}" for variable in dictionary if variable.note]
    if notes:
        parts += ["## Notes", "", *notes, ""]
    return "\n".join(parts)


def readme(dictionaries: Mapping[str, DataDictionary]) -> str:
    """The overview page of a folder of dictionaries, by file name: generated, never written by hand."""
    header = ["| file | variables | predictors | of these planned | endpoints |", "|---|---|---|---|---|"]
    rows = [_overview_row(name, dictionary) for name, dictionary in sorted(dictionaries.items())]
    pages = [codebook(dictionary, name).replace("\n# ", "\n## ") for name, dictionary in sorted(dictionaries.items())]
    demoted = [page.replace("\n## ", "\n### ").replace("# ", "## ", 1) for page in pages]
    intro = (
        "One REDCap data dictionary a study: what every column means, when it becomes known and what it may be used "
        "for.\nThis page is generated from the files beside it; the format is described in `docs/dictionary.md`."
    )
    return "\n".join(["# Data dictionaries", "", intro, "", *header, *rows, "", *demoted])


def _overview_row(name: str, dictionary: DataDictionary) -> str:
    predictors = dictionary.with_role(Role.PREDICTOR)
    planned = sum(variable.availability is Availability.PLANNED for variable in predictors)
    endpoints = len(dictionary.with_role(Role.ENDPOINT))
    return f"| `{name}` | {len(dictionary)} | {len(predictors)} | {planned} | {endpoints} |"


def _summary(dictionary: DataDictionary) -> str:
    counts = Counter(variable.availability for variable in dictionary)
    known = ", ".join(f"{counts[availability]} {availability}" for availability in Availability)
    return f"{len(dictionary)} variables ({known}); {len(dictionary.with_role(Role.PREDICTOR))} may become predictors."


def _table(variables: list[Variable]) -> list[str]:
    rows = [f"| {' | '.join(_cells(variable))} |" for variable in variables]
    return [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS), *rows]


def _cells(variable: Variable) -> tuple[str, ...]:
    roles = [role.value for role in Role if role in variable.roles] + ["modifiable"] * variable.modifiable
    source = f"`{variable.source}`" if variable.source else ""
    kind = variable.kind.value + ", ordered" * variable.ordered
    cells = (f"`{variable.name}`", variable.label, kind, variable.unit, _values(variable))
    return tuple(cell.replace("|", "\\|") for cell in (*cells, ", ".join(roles), source))


def _values(variable: Variable) -> str:
    if variable.choices:
        return "; ".join(f"{choice.code} = {choice.label}" for choice in variable.choices)
    parts = [_span("possible", variable.hard_range), _span("plausible", variable.plausible_range)]
    return "; ".join(part for part in parts if part)


def _span(word: str, limits: Range) -> str:
    if not limits:
        return ""
    low = "" if limits.low is None else f"{limits.low:g}"
    high = "" if limits.high is None else f"{limits.high:g}"
    return f"{word} {low}–{high}"
