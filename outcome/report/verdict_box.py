"""The box that opens the report: who each group of cases is, a count over its models, and each model's verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from outcome.report.entries import Json, ModelEntry, model_entries
from outcome.report.numbers import count, events_text, is_number
from outcome.report.pieces import Folded, Group, Items, Piece, Pieces, Words
from outcome.report.verdict import ABOVE, BELOW, UNCLEAR, WITHHELD, Sentence, sentences
from outcome.report.wording import can_show, inputs_words, partition_title

_SHOWN = 4  # models of a group that stand open; the others are one click away, and open in print


@dataclass(frozen=True)
class ModelVerdict:
    """What can be said of one model in one group of cases."""

    title: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class GroupVerdict:
    """What can be said of a group of cases: who they are, a count over its models, and each model."""

    title: str
    who: str
    summary: tuple[str, ...]
    models: tuple[ModelVerdict, ...]


def verdicts(metrics: Json) -> tuple[GroupVerdict, ...]:
    """One verdict for each partition of `metrics.json`, in its order."""
    entries = list(model_entries(metrics))
    return tuple(
        _group(name, partition, [entry for entry in entries if entry.partition_name == name])
        for name, partition in (metrics.get("partitions") or {}).items()
    )


def _group(name: str, partition: Json, entries: list[ModelEntry]) -> GroupVerdict:
    models = tuple(ModelVerdict(_title(entry), sentences(entry)) for entry in entries)
    who = f"{count(partition.get('n'))} cases. Their numbers can show {can_show(partition)}."
    return GroupVerdict(partition_title(name, partition), who, tuple(tally(models)), models)


def _title(entry: ModelEntry) -> str:
    events = events_text(entry.endpoint.get("n"), entry.endpoint.get("n_events"))
    counted = "events" if is_number(entry.endpoint.get("n_events")) else "cases"
    return f"{entry.label}, {inputs_words(entry.inputs)} inputs ({counted}: {events})"


def tally(models: tuple[ModelVerdict, ...]) -> Iterator[str]:
    """Counts over a group's models, one sentence a question that was asked of any."""
    for question, words in _TALLIES.items():
        found = [s.finding for model in models for s in model.sentences if s.question == question]
        if found:
            parts = [f"{text} {found.count(key)}" for key, text in words.items() if key in found]
            counted = "1 model" if len(found) == 1 else f"{len(found)} models"
            yield f"{_ASKED[question]} (of {counted}): {', '.join(parts)}."


_ASKED = {
    "ranking": "Better than chance",
    "comparator": "Better than the comparator alone",
    "level": "Right on average",
    "spread": "Too extreme",
    "usefulness": "Worth acting on at the threshold",
    "sample size": "Large enough sample",
}
_UNKNOWN = {UNCLEAR: "cannot tell", WITHHELD: "withheld"}
_TALLIES: Mapping[str, Mapping[str, str]] = {
    "ranking": {ABOVE: "shown", BELOW: "worse", **_UNKNOWN},
    "comparator": {ABOVE: "shown", BELOW: "worse", **_UNKNOWN},
    "level": {ABOVE: "shown too low", BELOW: "shown too high", **_UNKNOWN},
    "spread": {BELOW: "shown", ABOVE: "not spread enough", **_UNKNOWN},
    "usefulness": {ABOVE: "shown, against acting on nobody", BELOW: "harm", **_UNKNOWN},
    "sample size": {ABOVE: "yes", BELOW: "no", **_UNKNOWN},
}


def verdict_pieces(metrics: Json) -> Pieces:
    """The box's content; empty where no group of cases was evaluated."""
    return tuple(_group_piece(group) for group in verdicts(metrics))


def _group_piece(group: GroupVerdict) -> Piece:
    shown, rest = group.models[:_SHOWN], group.models[_SHOWN:]
    folded = Folded(
        f"{len(rest)} more models of this group", tuple(_model_piece(model) for model in rest), in_print=True
    )
    who = (Words(group.who), Items(group.summary))
    return Group(group.title, (*who, *(_model_piece(model) for model in shown), folded))


def _model_piece(model: ModelVerdict) -> Piece:
    return Group(model.title, (Items(tuple(sentence.text for sentence in model.sentences)),))
