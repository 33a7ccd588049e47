"""Example endpoints for a drafted study file: which of the table's columns are likely outcomes, and of which kind?"""

from __future__ import annotations

import re

from outcome.dictionary import Role, Variable, VariableKind

MOST_EXAMPLES = 3  # of a kind; more would be a list to delete
_STAY = re.compile(r"stay|(^|_)los(_|$)|duration|minutes")
_EVENT = re.compile(r"death|dead|died|status|mortal|event|cens")
_TIME_WORDS = re.compile(r"follow_?up|surviv(al)?|time|days|weeks|months|years|(^|_)fu(_|$)|_")
_TIME_UNITS = ("weeks", "months", "years")


def endpoint_examples(variables: list[Variable]) -> list[str]:
    """Lines of YAML: times to an event with the event that goes with each, yes/no outcomes, lengths.

    An event that is followed up over time is no yes/no outcome: whoever is censored early has no known answer. So an
    event paired with a time stands there once, as time to an event. Without any likely outcome, placeholders stand.
    """
    likely = [variable for variable in variables if Role.ENDPOINT in variable.roles]
    events = [variable for variable in likely if variable.kind in (VariableKind.BOOLEAN, VariableKind.CATEGORICAL)]
    numbers = [variable for variable in likely if variable.kind is VariableKind.NUMERIC]
    stays = [variable for variable in numbers if _STAY.search(variable.name)]
    pairs = _pairs([variable for variable in numbers if variable not in stays], events)
    paired = {event.name for _, event in pairs}
    lines = [line for time, event in pairs[:MOST_EXAMPLES] for line in _time_to_event(time, event)]
    lines += [_binary(event) for event in events if event.name not in paired][:MOST_EXAMPLES]
    lines += [f"{stay.name}_length: {{kind: duration, variable: {stay.name}}}" for stay in stays[:MOST_EXAMPLES]]
    return lines or ["my_outcome_yes: {kind: binary, event: {variable: my_outcome, equals: true}, horizon_days: 30}"]


def _pairs(times: list[Variable], events: list[Variable]) -> list[tuple[Variable, Variable]]:
    """Each time with the event of the most similar name (`rtime`: `recur`); where none is, with a death or status."""
    return [(time, max(events, key=lambda event: _likeness(time.name, event.name))) for time in times if events]


def _likeness(time: str, event: str) -> tuple[int, bool]:
    stem = _TIME_WORDS.sub("", time)
    shared = next((n for n in range(len(stem), 0, -1) if event.startswith(stem[:n])), 0)
    return shared, bool(_EVENT.search(event))


def _time_to_event(time: Variable, event: Variable) -> list[str]:
    unit = next((unit for unit in _TIME_UNITS if unit in (time.unit, time.name.rpartition("_")[2])), "")
    return [
        f"time_to_{event.name}:",
        "  kind: time_to_event",
        f"  time: {time.name} # from surgery to the event or the last contact" + ("" if unit else ", in days"),
        *([f"  time_unit: {unit}"] if unit else []),
        f"  event: {_event(event)}",
        "  horizons_days: [365]",
    ]


def _binary(event: Variable) -> str:
    return f"{event.name}_yes: {{kind: binary, event: {_condition(event)}, horizon_days: 30}}"


def _event(variable: Variable) -> str:
    """The event's condition; where several codes could be meant, all of them beside it."""
    if variable.kind is VariableKind.BOOLEAN:
        return f"{_condition(variable)} # true must mean that it happened, not that the case was censored"
    codes = ", ".join(variable.codes)
    return f"{_condition(variable)} # one of {codes}; another cause of death goes under competing:"


def _condition(variable: Variable) -> str:
    value = "true" if variable.kind is VariableKind.BOOLEAN else f'"{variable.codes[-1]}"'
    return f"{{variable: {variable.name}, equals: {value}}}"
