"""Are the variables that a computed score reads of the kind that its inputs need?"""

from __future__ import annotations

from collections.abc import Iterator

from outcome.config import ComputedScore, Condition, Study
from outcome.dictionary import DataDictionary, Variable, VariableKind
from outcome.scores import ItemKind

_YEARS = ("", "a", "y", "yr", "yrs", "year", "years")
_KINDS = {
    ItemKind.YES_NO: (VariableKind.BOOLEAN,),
    ItemKind.AGE: (VariableKind.NUMERIC,),
    ItemKind.ASA_CLASS: (VariableKind.NUMERIC, VariableKind.CATEGORICAL, VariableKind.TEXT),
}


def score_conditions(study: Study) -> Iterator[tuple[str, Condition]]:
    """(place, condition) of every input that is a condition."""
    for place, score in _computed(study):
        for name, source in score.inputs.items():
            if isinstance(source, Condition):
                yield f"{place}.inputs.{name}", source


def unfit_score_inputs(study: Study, dictionary: DataDictionary) -> Iterator[str]:
    """Inputs whose variable cannot be what the score asks for."""
    for place, score in _computed(study):
        for name, source in score.inputs.items():
            if isinstance(source, str):
                problem = _problem(score.definition[name].kind, dictionary[source])
                if problem:
                    yield f"{place}.inputs.{name}: {problem}"
        if score.codes is not None and dictionary[score.codes.variable].kind is not VariableKind.TEXT:
            variable = dictionary[score.codes.variable]
            yield f"{place}.codes: {variable.name} must be text, the dictionary says {variable.kind}"


def _problem(kind: ItemKind, variable: Variable) -> str:
    if variable.kind not in _KINDS[kind]:
        hint = f", or write what means yes: {{variable: {variable.name}, ...}}" if kind is ItemKind.YES_NO else ""
        allowed = " or ".join(_KINDS[kind])
        return f"{variable.name} must be {allowed}, the dictionary says {variable.kind}{hint}"
    if kind is ItemKind.AGE and variable.unit.strip().lower() not in _YEARS:
        return f"{variable.name} must be in years, the dictionary says {variable.unit}"
    return ""


def _computed(study: Study) -> Iterator[tuple[str, ComputedScore]]:
    for number, score in enumerate(study.scores):
        if isinstance(score, ComputedScore):
            yield f"scores[{number}]", score
