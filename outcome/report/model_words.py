"""What a bundle is, in sentences: its model, inputs, outputs, thresholds and the cases it was learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from outcome.config.study import InclusionCriterion
from outcome.report.numbers import count, events_text, format_number, horizon_words, is_number
from outcome.report.wording import INPUTS_MEANING, inputs_words, rung_words, with_metric_labels

Json = Mapping[str, Any]
NAMED_BLOCKS = ("clinical", "plan", "genomics")  # read one by one; what is measured of images is told by the number


def endpoint_label(study: Json, name: str) -> str:
    """An endpoint's name for readers."""
    return str(((study.get("endpoints") or {}).get(name) or {}).get("label") or name.replace("_", " "))


def endpoint_horizon(endpoint: Json) -> str:
    """ "within 30 days" for an endpoint of the study file; durations and measurements have none."""
    days = endpoint.get("horizons_days") or endpoint.get("horizon_days")
    return horizon_words(days or None)


def endpoints_words(study: Json) -> list[str]:
    """Each endpoint with its horizon, in the order of the study file."""
    told = ((endpoint_label(study, name), each) for name, each in (study.get("endpoints") or {}).items())
    return [f"{label} ({endpoint_horizon(each)})" if _has_horizon(each) else label for label, each in told]


def _has_horizon(endpoint: Json) -> bool:
    return bool(endpoint.get("horizons_days") or endpoint.get("horizon_days"))


def inclusion_words(study: Json) -> list[str]:
    """The inclusion criteria in words; all must hold."""
    return [InclusionCriterion.model_validate(each).title for each in study.get("inclusion") or ()]


def units(ladder: Json) -> Iterator[tuple[str, str, str, Json]]:
    """Each unit of `ladder.json`: its key, endpoint, input set and entry."""
    for key, unit in ladder.items():
        endpoint, _, inputs = key.partition(".")
        yield key, str(unit.get("endpoint") or endpoint), str(unit.get("inputs") or inputs), unit


def unit_title(study: Json, endpoint: str, inputs: str) -> str:
    return f"{endpoint_label(study, endpoint)}, {inputs_words(inputs)} inputs"


def model_lines(study: Json, ladder: Json) -> list[str]:
    """For each unit which algorithm was chosen and why, or why there is none."""
    lines = []
    for _, endpoint, inputs, unit in units(ladder):
        title = unit_title(study, endpoint, inputs)
        if unit.get("skipped") or not unit.get("chosen"):
            lines.append(f"{title}: no model, {unit.get('skipped') or 'none was chosen'}")
        else:
            lines.append(f"{title}: {rung_words(unit['chosen'])}{_algorithm(unit)}; {_reason(unit)}")
    return lines


def _reason(unit: Json) -> str:
    return with_metric_labels(str(unit.get("reason") or "reason not recorded"))


def _algorithm(unit: Json) -> str:
    found: Json = next((rung for rung in unit.get("rungs") or () if rung.get("rung") == unit["chosen"]), {})
    settings = ", ".join(f"{name} {value}" for name, value in (found.get("params") or {}).items())
    told = "; ".join(part for part in (str(found.get("algorithm") or ""), settings) if part)
    return f" ({told})" if told else ""


def output_lines(study: Json) -> list[str]:
    """What the model gives out for each endpoint, with its scale and horizon."""
    lines = []
    for name, endpoint in (study.get("endpoints") or {}).items():
        lines.append(f"{endpoint_label(study, name)}: {_scale(endpoint)}")
    return lines


def _scale(endpoint: Json) -> str:
    kind, horizon = endpoint.get("kind"), endpoint_horizon(endpoint)
    if kind == "time_to_event":
        return f"probability of the event {horizon}, counting competing events as such"
    if kind == "binary":
        return f"probability {horizon}" if _has_horizon(endpoint) else "probability"
    unit = str(endpoint.get("unit") or ("days" if kind == "duration" else ""))
    return f"expected {'rank' if kind == 'ordinal' else 'value'}{f', in {unit}' if unit else ''}"


def threshold_lines(study: Json, ladder: Json) -> list[str]:
    """Each threshold with where it came from."""
    found: list[str] = []
    for _, endpoint, inputs, unit in units(ladder):
        threshold = unit.get("threshold") or {}
        if is_number(threshold.get("value")):
            at = format_number(100 * threshold["value"], 1)
            origin = threshold.get("provenance") or "origin not recorded"
            found.append(f"{unit_title(study, endpoint, inputs)}: {at} of 100; {origin}")
    return found


def development_lines(study: Json, reference: Json) -> list[str]:
    """Cases and events that the model was learned from; cells under the suppression limit stay hidden."""
    if not is_number(reference.get("n")):
        return []
    lines = [f"{count(reference['n'])} cases of the study {study.get('title') or study.get('name') or 'not named'}"]
    told = (reference.get("endpoints") or {}).items()
    return lines + [f"{endpoint_label(study, name)}: {_known(study, name, counts)}" for name, counts in told]


def _known(study: Json, name: str, counts: Json) -> str:
    """Events among known cases; a count that the bundle hides is said to be hidden, never shown as another one."""
    kind = ((study.get("endpoints") or {}).get(name) or {}).get("kind")
    if kind not in ("binary", "time_to_event"):
        return f"known cases {events_text(counts.get('n'), None)}"
    if is_number(counts.get("n")) and not is_number(counts.get("n_events")):
        return f"known cases {count(counts['n'])}; events hidden, for they or their complement are few"
    return f"events {events_text(counts.get('n'), counts.get('n_events'))}"


def input_lines(columns: Sequence[Json]) -> list[str]:
    """Each recorded input with unit and availability; measurements of images by their number."""
    lines = [_input(column) for column in columns if column.get("block") in NAMED_BLOCKS]
    for block in dict.fromkeys(str(column.get("block")) for column in columns):
        members = [column for column in columns if column.get("block") == block]
        if block == "radiomics":
            lines.append(f"{len(members)} measurements of {', '.join(_regions(members))} in the image; preoperative")
        elif block.startswith("image:"):
            lines.append(f"the image {block.removeprefix('image:')} itself, read by a network; preoperative")
    return lines


def _input(column: Json) -> str:
    unit = f" [{column['unit']}]" if column.get("unit") else ""
    choices = column.get("choice_labels") or column.get("choices") or ()
    order = "in this order: " if column.get("ordered") else ""
    coded = f" ({order}{', '.join(map(str, choices))})" if choices else ""
    label = column.get("label") or str(column.get("name")).partition(":")[2]
    return f"{label}{unit}{coded}; {column.get('availability')}"


def _regions(columns: Sequence[Json]) -> list[str]:
    names = (str(column["name"]).partition(":")[2].partition(".")[0] for column in columns)
    return list(dict.fromkeys(names))


def input_sets(ladder: Json) -> list[str]:
    """The input sets that have models, with what each may read."""
    names = dict.fromkeys(inputs for _, _, inputs, _ in units(ladder))
    return [f"{inputs_words(name)}: {INPUTS_MEANING.get(name, 'as named')}" for name in names]


def characteristic_lines(columns: Sequence[Json], reference: Json) -> list[str]:
    """Who the development cases were: median and quartiles or counts of each recorded input; small cells hidden."""
    features, lines = reference.get("features") or {}, []
    for column in columns:
        summary = features.get(str(column.get("name")))
        if summary and column.get("block") in NAMED_BLOCKS:
            missing = "fewer than 5 or hidden" if summary.get("missing") is None else count(summary["missing"])
            lines.append(f"{_plain_label(column)}: {_spread(column, summary)}; missing {missing}")
    return lines


def _plain_label(column: Json) -> str:
    return str(column.get("label") or str(column.get("name")).partition(":")[2])


def _spread(column: Json, summary: Json) -> str:
    quantiles, unit = summary.get("quantiles") or {}, f" {column['unit']}" if column.get("unit") else ""
    if column.get("kind") == "boolean" and is_number(summary.get("mean")):
        return f"yes in {round(100 * summary['mean'])} %"
    if "0.5" in quantiles:
        low, middle, high = (format_number(quantiles[q], 1) for q in ("0.25", "0.5", "0.75"))
        return f"median {middle}{unit} (quartiles {low} to {high})"
    if summary.get("counts"):
        names = dict(zip(column.get("choices") or (), column.get("choice_labels") or (), strict=False))
        shown = (f"{names.get(code, code)} {'hidden' if n is None else n}" for code, n in summary["counts"].items())
        return ", ".join(shown)
    return "too few to show"
