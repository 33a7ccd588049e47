"""What the page says of the cases before and after the results: integrity, case mix, shift, multiplicity, updating."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from outcome.report.contents import Section
from outcome.report.entries import Json, model_entries
from outcome.report.evidence_tables import number_text, p_text, part_pieces
from outcome.report.numbers import EN_DASH, count, events_text, format_estimate, is_number
from outcome.report.pieces import Folded, Group, Items, Piece, Pieces, Table, Words
from outcome.report.wording import inputs_words, partition_title

_STATUS: Mapping[str, str] = {"not_checked": "not checked"}


def integrity_section(metrics: Json) -> Section:
    """Which checks of the evaluation itself passed, how often these data were evaluated, and what was fixed before."""
    part = metrics.get("integrity") or {}
    pieces = part_pieces(part, _integrity)
    return Section("Integrity of this evaluation", "integrity", pieces)


def _integrity(part: Json) -> Pieces:
    rows = tuple(
        (str(c.get("check", "")).replace("_", " "), _status(c.get("status")), str(c.get("message") or ""))
        for c in part.get("checks") or []
    )
    return (
        Table(("Check", "Status", "Message"), rows),
        *part_pieces(part.get("evaluations"), _evaluations),
        *part_pieces(part.get("protocol"), _protocol),
    )


def _status(status: object) -> str:
    return _STATUS.get(str(status), str(status))


def _evaluations(part: Json) -> Pieces:
    earlier = [" · ".join(str(value) for value in row.values() if value) for row in part.get("earlier") or []]
    number = part.get("number")
    words = f"This is evaluation number {count(number)} of these data" + (", after:" if earlier else ".")
    return (Words(words), Items(tuple(earlier)), Words(f"Data: sha256 {part.get('data_sha256')}", muted=True))


def _protocol(part: Json) -> Pieces:
    agrees = "This evaluation keeps to it." if part.get("agrees") else "This evaluation departs from it:"
    return (
        Words(f"Protocol fixed at {part.get('fixed_at')} (sha256 {part.get('sha256')}). {agrees}"),
        Items(tuple(str(text) for text in part.get("deviations") or [])),
    )


def _by_partition(metrics: Json, name: str, content: Callable[[Json], Pieces]) -> Pieces:
    """One part of every partition that has it, under the partition's title."""
    return tuple(
        Group(partition_title(key, partition), part_pieces(partition.get(name), content))
        for key, partition in (metrics.get("partitions") or {}).items()
    )


def case_mix_section(metrics: Json) -> Section:
    """Are these cases like those the model was made from?"""
    return Section("Development cases beside these cases", "case-mix", _by_partition(metrics, "case_mix", _case_mix))


def _case_mix(part: Json) -> Pieces:
    outcomes = Table(
        ("Outcome", "Development", "Here"),
        tuple(
            (str(row.get("label") or row.get("endpoint")), *(_events(side, row) for side in _sides(row)))
            for row in part.get("outcomes") or []
        ),
        "Outcomes: events among cases",
    )
    variables = part.get("variables") or []
    first = [row for row in variables if row.get("flag")]
    rest = [row for row in variables if not row.get("flag")]
    alike = Folded(f"{len(rest)} variables that differ little", (_variables(rest, ""),))
    none = Words("" if first or not variables else "No variable differs by more than chance makes likely.")
    differing = _variables(first, f"Variables that differ: {len(first)} of {len(variables)}")
    return (outcomes, none, differing, *((alike,) if rest else ()))


def _variables(variables: Sequence[Json], caption: str) -> Table:
    rows = [row for variable in variables for row in _variable(variable)]
    header = ("Variable", "Development", "Here", "Standardised difference", "Remark")
    return Table(header, tuple(rows), caption)


def _events(side: Json, row: Json) -> str:
    """An endpoint that counts events in either group counts them in both."""
    counted = any(is_number(other.get("n_events")) for other in _sides(row))
    return events_text(side.get("n"), side.get("n_events"), counted=counted) if side else EN_DASH


def _variable(row: Json) -> Iterator[tuple[str, ...]]:
    """A number's row, or a category's row with one below it for each level."""
    name, unit = str(row.get("label") or row.get("variable")), str(row.get("unit") or "")
    sides = [row.get("development") or {}, row.get("here") or {}]
    name = f"{name} ({unit})" if unit else name
    flag, message = str(row.get("flag") or ""), str(row.get("message") or "")
    remark = flag if flag == "shifted" else ": ".join(text for text in (flag, message) if text)
    yield name, *(_side(side) for side in sides), number_text(row.get("standardised_difference")), remark
    for level in dict.fromkeys(level for side in sides for level in side.get("counts") or {}):
        yield f"\u2003{level}", *(_level(side, level) for side in sides), "", ""


def _side(side: Json) -> str:
    """Cases with their mean and spread, and how many values are missing."""
    if not side:
        return EN_DASH
    known = f"{number_text(side.get('mean'))} (SD {number_text(side.get('sd'))})" if "mean" in side else ""
    missing = f"{count(side['missing'])} of {count(side.get('n'))} missing" if side.get("missing") else ""
    return "; ".join(text for text in (known, missing) if text) or f"{count(side.get('n'))} cases"


def _level(side: Json, level: str) -> str:
    counts = side.get("counts") or {}
    if level not in counts:
        return EN_DASH
    shown, n = counts[level], side.get("n")
    if not is_number(shown):
        return "suppressed"
    known = int(n) - int(side.get("missing") or 0) if is_number(n) else 0
    return f"{count(shown)} ({round(100 * int(shown) / known)} %)" if known > 0 else count(shown)


def shift_section(metrics: Json) -> Section:
    """Can cases be told from development cases, and are their risks spread alike?"""
    title = "Shift: are these cases like the development cases?"
    return Section(title, "shift", _by_partition(metrics, "shift", _shift))


def _shift(part: Json) -> Pieces:
    membership = part.get("membership") or {}
    told = Words(
        f"AUC {format_estimate(membership.get('auroc'))} from {count(membership.get('columns'))} columns; 0.5 means "
        f"not at all. {membership.get('words') or ''}",
        lead="How well these cases can be told from development cases.",
    )
    rows = tuple(
        (
            str(row.get("label") or row.get("endpoint")),
            inputs_words(str(row.get("inputs", ""))),
            *(f"{number_text(s.get('mean'))} (SD {number_text(s.get('sd'))})" for s in _sides(row)),
            format_estimate(row.get("sd_ratio")),
            format_estimate(row.get("mean_difference"), signed=True),
        )
        for row in part.get("linear_predictors") or []
    )
    header = ("Endpoint", "Inputs", "Development", "Here", "Ratio of spreads", "Difference of means")
    table = Table(header, rows, "Linear predictor (log-odds or log-hazard of the model)")
    return (Words(str(part.get("words") or "")), *((told,) if membership else ()), table)


def _sides(row: Json) -> list[Json]:
    return [row.get("development") or {}, row.get("here") or {}]


def missing_blocks_pieces(part: Json) -> Pieces:
    """How many cases lack a whole block of data."""
    rows = tuple(
        (
            str(row.get("label") or row.get("block")),
            count(row.get("n_missing")),
            format_estimate(row.get("share")),
            number_text(row.get("development_share")),
        )
        for row in part.get("blocks") or []
    )
    return (Table(("Block", "Cases without it", "Share (interval)", "Share in development"), rows),)


def missing_section(metrics: Json) -> Section:
    """Which blocks of data are missing, group of cases by group."""
    pieces = _by_partition(metrics, "missing_blocks", missing_blocks_pieces)
    return Section("Missing blocks of data", "missing-blocks", pieces, topic="missing-data")


def multiplicity_section(metrics: Json) -> Section:
    """Which differences remain when all tests of a group of cases are counted together?"""
    return Section("Multiplicity", "multiplicity", _by_partition(metrics, "multiplicity", _multiplicity))


def _multiplicity(part: Json) -> Pieces:
    rows = tuple(
        (
            str(row.get("label") or row.get("endpoint")),
            inputs_words(str(row.get("inputs", ""))),
            str(row.get("comparison", "")),
            *(p_text(row.get(name)) for name in ("p_value", "holm", "benjamini_hochberg")),
        )
        for row in part.get("rows") or []
    )
    header = ("Endpoint", "Inputs", "Comparison", "p", "Holm", "Benjamini-Hochberg")
    return (Words(str(part.get("family") or "")), Table(header, rows))


def updating_section(metrics: Json) -> Section:
    """Which update is advised for each model, with its reason; nothing is changed by this report."""
    rows, details = [], []
    for entry in model_entries(metrics):
        part = entry.model.get("advice") or {}
        if not part:
            continue
        who = partition_title(entry.partition_name, entry.partition)
        words = f"withheld: {part['withheld']}" if part.get("withheld") else str(part.get("words") or "")
        rung = "" if part.get("withheld") else str(part.get("rung") or "no advice")
        rows.append((entry.label, inputs_words(entry.inputs), who, rung, words))
        details += _not_offered(f"{entry.label}, {inputs_words(entry.inputs)} inputs, {who}", part)
    table = Table(("Endpoint", "Inputs", "Cases", "Advised", "Why"), tuple(rows))
    folded = Folded("Tests and what was not offered", tuple(details), in_print=True)
    return Section("Updating advice", "updating", (table, folded))


def _not_offered(where: str, part: Json) -> list[Piece]:
    tests = [_test_words(test) for test in part.get("tests") or []]
    refused = [f"{rung}: {reason}" for rung, reason in (part.get("not_offered") or {}).items()]
    items = tuple([*tests, *refused])
    return [Words(f"{where}:"), Items(items)] if items else []


def _test_words(test: Any) -> str:
    if not isinstance(test, Mapping):
        return str(test)
    return ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in test.items())


def _plain(value: object) -> str:
    return number_text(value, 3) if isinstance(value, float) else str(value)
