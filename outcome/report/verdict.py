"""What the numbers allow to be said of a model in plain words, each sentence by a rule from an estimate.

A claim is made only where the interval excludes the value that means "nothing"; where it covers or touches it the
sentence says that nobody can tell; where a number is withheld it says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from outcome.report.entries import Json, ModelEntry
from outcome.report.numbers import count, format_difference, format_estimate, format_number, is_number
from outcome.report.tables import comparator_words, first_comparator
from outcome.report.wording import amount_unit, metric_of

ABOVE, BELOW, UNCLEAR, WITHHELD, ABSENT = "above", "below", "unclear", "withheld", "absent"
_LEVELS = ("oe_ratio", "oe_ratio_t", "bias")
_SLOPES = ("slope", "slope_t")
_RUNGS: Mapping[str, str] = {
    "none": "Advised here: leave the model as it is; no update is shown to be needed.",
    "intercept": "Advised here: correct the average risk (a new intercept) before risks are read here.",
    "slope": "Advised here: correct average and spread of the risks (intercept and slope) before risks are read here.",
    "refit": "Advised here: fit the last layer anew on local cases before risks are read here.",
}


@dataclass(frozen=True)
class Sentence:
    """One statement with the question it answers and what was found (`ABOVE` … `ABSENT`)."""

    question: str
    finding: str
    text: str


def sentences(entry: ModelEntry) -> tuple[Sentence, ...]:
    """Everything that is said of one model, in the order of the questions; nothing where a question has no number."""
    said = (rule(entry) for rule in RULES)
    return tuple(sentence for sentence in said if sentence is not None and sentence.text)


def side(estimate: Json | None, null: float) -> str:
    """On which side of `null` an estimate's interval lies: `ABOVE`, `BELOW`, `UNCLEAR`, `WITHHELD` or `ABSENT`."""
    if not estimate:
        return ABSENT
    if not is_number(estimate.get("value")):
        return WITHHELD
    low, high = estimate.get("low"), estimate.get("high")
    if not (is_number(low) and is_number(high)):
        return UNCLEAR
    return ABOVE if float(low) > null else BELOW if float(high) < null else UNCLEAR


def discrimination(entry: ModelEntry) -> Sentence | None:
    """Is the ranking shown to be above chance?"""
    metric, label = metric_of(entry.metric)
    estimate = (entry.model.get("metrics") or {}).get(entry.metric)
    null = 0.5 if metric.null is None else metric.null
    number = f"{label} {format_estimate(estimate, decimals=metric.decimals)}"
    texts = {
        ABOVE: f"Ranks cases better than chance: {number}.",
        BELOW: f"Ranks cases worse than chance: {number}.",
        UNCLEAR: f"Cannot tell whether it ranks better than chance: {number}; {_reason(estimate, null)}.",
        WITHHELD: f"How well it ranks is withheld: {_withheld(estimate)}.",
    }
    return _sentence("ranking", side(estimate, null), texts)


def against_comparator(entry: ModelEntry) -> Sentence | None:
    """Is the ranking shown to be above that of the comparator alone?"""
    name, comparator = first_comparator(entry.endpoint)
    difference = (comparator.get("difference") or {}).get(entry.inputs)
    other, number = _alone(comparator_words(name, comparator)), format_difference(difference)
    texts = {
        ABOVE: f"Ranks better than {other}: difference {number}.",
        BELOW: f"Ranks worse than {other}: difference {number}.",
        UNCLEAR: f"Cannot tell whether it ranks better than {other}: {number}; {_reason(difference, 0)}.",
        WITHHELD: f"Not compared with {other}: {_withheld(difference)}.",
    }
    return _sentence("comparator", side(difference, 0.0), texts)


def _alone(name: str) -> str:
    return name if name.endswith("alone") else f"{name} alone"


def level(entry: ModelEntry) -> Sentence | None:
    """Are the risks (or predicted amounts) too low or too high on average?"""
    name = _first_of(entry, _LEVELS)
    if name == "bias":
        return _amount_level(entry)
    estimate = (entry.model.get("metrics") or {}).get(name)
    number = f"observed / expected {format_estimate(estimate)}"
    texts = {
        ABOVE: f"Risks are too low on average: {number}, more events than predicted.",
        BELOW: f"Risks are too high on average: {number}, fewer events than predicted.",
        UNCLEAR: f"Cannot tell whether risks are too high or too low on average: {number}; {_reason(estimate, 1)}.",
        WITHHELD: f"Whether risks are right on average is withheld: {_withheld(estimate)}.",
    }
    return _sentence("level", side(estimate, 1.0), texts)


def _amount_level(entry: ModelEntry) -> Sentence | None:
    estimate = entry.model["metrics"]["bias"]
    number = f"predicted minus observed {format_estimate(estimate, unit=amount_unit(entry.endpoint), signed=True)}"
    texts = {
        ABOVE: f"Predictions are too low on average: {number}.",
        BELOW: f"Predictions are too high on average: {number}.",
        UNCLEAR: f"Cannot tell whether predictions are too high or too low: {number}; {_reason(estimate, 0)}.",
        WITHHELD: f"Whether predictions are right on average is withheld: {_withheld(estimate)}.",
    }
    found = side(estimate, 0.0)  # a bias above zero means too high, an observed / expected above 1 too low
    return _sentence("level", {ABOVE: BELOW, BELOW: ABOVE}.get(found, found), texts)


def spread(entry: ModelEntry) -> Sentence | None:
    """Are the risks too extreme, or not spread enough?"""
    estimate = (entry.model.get("metrics") or {}).get(_first_of(entry, _SLOPES))
    number = f"calibration slope {format_estimate(estimate)}"
    texts = {
        ABOVE: f"Risks are not spread enough: {number}.",
        BELOW: f"Risks are too extreme: {number}.",
        UNCLEAR: f"Cannot tell whether risks are too extreme: {number}; {_reason(estimate, 1)}.",
        WITHHELD: f"Whether risks are too extreme is withheld: {_withheld(estimate)}.",
    }
    return _sentence("spread", side(estimate, 1.0), texts)


def usefulness(entry: ModelEntry) -> Sentence | None:
    """Is acting at the bundle's threshold worth more than acting on nobody, and how does it stand to acting on all?"""
    estimate = (entry.model.get("metrics") or {}).get("net_benefit")
    threshold = (entry.model.get("threshold") or {}).get("value")
    if not is_number(threshold):
        return None
    at = f"at the bundle's threshold of {format_number(100 * float(threshold), 1)} of 100"
    number = f"net benefit {format_estimate(estimate, decimals=3)}"
    everybody = _beside_all(entry)
    texts = {
        ABOVE: f"Acting {at} is worth more than acting on nobody: {number}.{everybody}",
        BELOW: f"Acting {at} does more harm than acting on nobody: {number}.",
        UNCLEAR: f"Cannot tell whether acting {at} is worth anything: {number}; {_reason(estimate, 0)}.{everybody}",
        WITHHELD: f"What acting {at} is worth is withheld: {_withheld(estimate)}.",
    }
    return _sentence("usefulness", side(estimate, 0.0), texts)


def _beside_all(entry: ModelEntry) -> str:
    """How acting on the risk stands to acting on everybody; nothing where that was not measured."""
    estimate = (entry.model.get("acting") or {}).get("over_everybody")
    number = f"difference {format_difference(estimate)}" if estimate else ""
    texts = {
        ABOVE: f" It is worth more than acting on everybody: {number}.",
        BELOW: f" Acting on everybody is worth more: {number}.",
        UNCLEAR: f" Cannot tell whether it is worth more than acting on everybody: {number}.",
    }
    return texts.get(side(estimate, 0.0), "")


def precision(entry: ModelEntry) -> Sentence | None:
    """Was the sample large enough for intervals as narrow as wanted?"""
    part = entry.model.get("precision") or {}
    n, needed = count(part.get("n")), count(part.get("n_needed"))
    if part.get("withheld"):
        reason = f"Whether the sample was large enough is withheld: {_withheld(part)}."
        return Sentence("sample size", WITHHELD, reason)
    if not isinstance(part.get("enough"), bool):
        return None
    numbers = f"{n} cases, {needed} needed for intervals of the wanted width"
    text = f"The sample was large enough: {numbers}." if part["enough"] else f"The sample was too small: {numbers}."
    return Sentence("sample size", ABOVE if part["enough"] else BELOW, text)


def advised(entry: ModelEntry) -> Sentence | None:
    """Which update is advised?"""
    part = entry.model.get("advice") or {}
    if part.get("withheld"):
        return Sentence("advice", WITHHELD, f"No advice on updating: {part['withheld']}.")
    rung = str(part.get("rung"))
    return Sentence("advice", rung, _RUNGS[rung]) if rung in _RUNGS else None


def withheld_numbers(entry: ModelEntry) -> Sentence | None:
    """How many of the model's numbers are withheld?"""
    numbers = list(_estimates(entry.model))
    absent = sum(not is_number(number.get("value")) for number in numbers)
    text = f"{count(absent)} of {count(len(numbers))} numbers are withheld, each with its reason."
    return Sentence("withheld", WITHHELD, text) if absent else None


def _estimates(node: Any) -> Iterator[Json]:
    """Every estimate below a part of `metrics.json`."""
    if isinstance(node, Mapping):
        if {"value", "withheld", "low"} <= set(node):
            yield node
            return
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _estimates(part)


def _first_of(entry: ModelEntry, names: tuple[str, ...]) -> str:
    stored = entry.model.get("metrics") or {}
    return next((name for name in names if name in stored), "")


def _reason(estimate: Json | None, null: float) -> str:
    if estimate and not (is_number(estimate.get("low")) and is_number(estimate.get("high"))):
        return "there is no interval"
    return f"the interval covers {null:g}"


def _withheld(estimate: Json | None) -> str:
    return str((estimate or {}).get("withheld") or "no reason was recorded").rstrip(".")


def _sentence(question: str, found: str, texts: Mapping[str, str]) -> Sentence | None:
    return None if found == ABSENT else Sentence(question, found, texts[found])


RULES: tuple[Callable[[ModelEntry], Sentence | None], ...] = (
    discrimination,
    against_comparator,
    level,
    spread,
    usefulness,
    precision,
    advised,
    withheld_numbers,
)
