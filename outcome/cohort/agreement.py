"""Do study file and dictionary speak of the same things? Every disagreement at once, before a table is opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from outcome.cohort.criteria import reference
from outcome.cohort.score_agreement import score_conditions, unfit_score_inputs
from outcome.config import AlivePart, BinaryEndpoint, Condition, DurationEndpoint, Study, TimeToEventEndpoint
from outcome.config.study import endpoint_variables
from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind, nearest
from outcome.errors import ConfigRefusal

_RIVALS = ("comparator", "scores[", "readers[")
_CATEGORY = VariableKind.CATEGORICAL
_ORDERING = ("at_least", "at_most", "above", "below", "between")


def check_agreement(study: Study, dictionary: DataDictionary) -> None:
    """Raise ConfigRefusal naming every variable the study uses that the dictionary lacks or describes otherwise."""
    unknown = [
        f"{place}: no variable {name!r}, {nearest(name, dictionary.names)}"
        for place, name in study.variables_used()
        if name not in dictionary
    ]
    problems = unknown or [problem for check in CHECKS for problem in check(study, dictionary)]
    if problems:
        raise ConfigRefusal(
            f"the study file and its dictionary disagree in {len(problems)} place(s)",
            found="\n    ".join(problems),
            next_step="correct the study file, or describe the variable in the dictionary",
        )


def _wrong_kinds(study: Study, dictionary: DataDictionary) -> Iterator[str]:
    for place, name, kind in _expected_kinds(study):
        found = dictionary[name].kind
        if found is not kind:
            yield f"{place}: {name} must be {kind}, the dictionary says {found}"


def _expected_kinds(study: Study) -> Iterator[tuple[str, str, VariableKind]]:
    if study.index_time:
        yield "index_time", study.index_time, VariableKind.DATE
    yield from ((place, name, VariableKind.NUMERIC) for place, name in _compared(study) if "." not in place)
    for key, endpoint in study.endpoints.items():
        place = f"endpoints.{key}"
        if isinstance(endpoint, TimeToEventEndpoint):
            yield place, endpoint.time, VariableKind.NUMERIC
        elif isinstance(endpoint, BinaryEndpoint):
            alive = [part for part in endpoint.parts if isinstance(part, AlivePart)]
            yield from ((place, part.time, VariableKind.NUMERIC) for part in alive)
        else:
            graded = endpoint.kind == "ordinal"
            yield place, endpoint.variable, VariableKind.CATEGORICAL if graded else VariableKind.NUMERIC


def _compared(study: Study) -> list[tuple[str, str]]:
    """(place, variable) of everything that a model is compared with; a dot where it is an input of a computed score."""
    return [(place, name) for place, name in study.variables_used() if place.startswith(_RIVALS)]


def _wrong_time_units(study: Study, dictionary: DataDictionary) -> Iterator[str]:
    """Times whose unit in the dictionary is a known one and not the study file's: they would be read wrongly."""
    for key, endpoint in study.endpoints.items():
        for name, unit in _times(endpoint):
            described = TIME_WORDS.get(dictionary[name].unit.strip().lower())
            if described is not None and described != unit:
                yield f"endpoints.{key}: {name} is taken in {unit}, the dictionary says {described}"


def _times(endpoint: Any) -> Iterator[tuple[str, str]]:
    """(variable, unit) of every time an endpoint reads."""
    if isinstance(endpoint, TimeToEventEndpoint):
        yield endpoint.time, endpoint.time_unit
    elif isinstance(endpoint, DurationEndpoint):
        yield endpoint.variable, endpoint.unit
    elif isinstance(endpoint, BinaryEndpoint):
        yield from ((part.time, "days") for part in endpoint.parts if isinstance(part, AlivePart))


def _leaks(study: Study, dictionary: DataDictionary) -> Iterator[str]:
    early = (Availability.PREOPERATIVE, Availability.PLANNED)
    for place, name in _compared(study):
        known = dictionary[name].availability
        if known not in early:
            yield f"{place}: {name} is {known}; it must be known before surgery"
    for key, endpoint in study.endpoints.items():
        for name in endpoint_variables(endpoint):
            if Role.PREDICTOR in dictionary[name].roles:
                yield (
                    f"endpoints.{key}: {name} is a predictor; an endpoint cannot be made of one: "
                    "write @ROLE='endpoint' in the dictionary"
                )


def _batches(study: Study, dictionary: DataDictionary) -> Iterator[str]:
    """Harmonisation reads what is known before surgery alone: a batch with a closed list of names, and predictors."""
    harmonise, place = study.training.harmonise, "training.harmonise"
    if harmonise is None:
        return
    by = [dictionary[harmonise.variable]] if harmonise.variable else []
    yield from (f"{place}.by: {v.name} is {v.kind}, not categorical" for v in by if v.kind is not _CATEGORY)
    for variable in (*by, *(dictionary[name] for name in harmonise.covariates)):
        if variable.availability is not Availability.PREOPERATIVE:
            yield f"{place}: {variable.name} is {variable.availability}; it must be preoperative"
    for variable in (dictionary[name] for name in harmonise.covariates):
        if variable.kind not in (VariableKind.NUMERIC, VariableKind.BOOLEAN):
            yield f"{place}.covariates: {variable.name} is {variable.kind}, neither numeric nor yes/no"
        elif Role.PREDICTOR not in variable.roles:
            yield f"{place}.covariates: {variable.name} is no predictor"


def _values(study: Study, dictionary: DataDictionary) -> Iterator[str]:
    for place, condition in _conditions(study):
        problem = _value_problem(condition, dictionary[condition.variable])
        if problem:
            yield f"{place}: {problem}"


def _conditions(study: Study) -> Iterator[tuple[str, Condition]]:
    yield from ((f"inclusion[{number}]", criterion) for number, criterion in enumerate(study.inclusion))
    for key, partition in study.partitions.items():
        yield from ((f"partitions.{key}", condition) for condition in partition.where)
    yield from score_conditions(study)
    for key, endpoint in study.endpoints.items():
        if isinstance(endpoint, TimeToEventEndpoint):
            found: Iterable[Condition | None] = (endpoint.event, endpoint.competing)
        elif isinstance(endpoint, BinaryEndpoint):
            found = (endpoint.event, *(p.event if isinstance(p, AlivePart) else p for p in endpoint.parts))
        else:
            found = ()
        yield from ((f"endpoints.{key}", condition) for condition in found if condition is not None)


def _value_problem(condition: Condition, variable: Variable) -> str:
    name, value = condition.comparison
    if name == "missing":
        return ""
    if variable.kind is VariableKind.BOOLEAN and name in _ORDERING:
        return f"{variable.name} is yes/no and has no order; use equals: true or equals: false"
    if variable.kind is VariableKind.TEXT and name in _ORDERING and not _all_text(value):
        return f"{variable.name} is text and compares letter by letter (10 stands before 9); use equals or one_of"
    try:
        reference(variable, value)
    except ValueError:
        if variable.kind is VariableKind.CATEGORICAL:
            return f"{variable.name} has no choice {value!r} ({', '.join(variable.codes)})"
        return f"{variable.name} is {variable.kind}, found {value!r}"
    if variable.kind is VariableKind.DATE and not _all_text(value):
        return f"{variable.name} is a date, found {value!r}"
    return ""


def _all_text(value: Any) -> bool:
    return all(isinstance(each, str) for each in (value if isinstance(value, tuple) else (value,)))


TIME_WORDS = {
    word: unit
    for unit, words in {
        "days": ("d", "day", "days"),
        "weeks": ("wk", "week", "weeks"),
        "months": ("mo", "month", "months"),
        "years": ("a", "yr", "year", "years"),
    }.items()
    for word in words
}
CHECKS = (_wrong_kinds, unfit_score_inputs, _wrong_time_units, _leaks, _batches, _values)
