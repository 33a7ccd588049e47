"""Do groups differ? Rows of the interaction tests, detectable gaps, shrunken estimates and fairness measures."""

from __future__ import annotations

from collections.abc import Sequence

from outcome.report.entries import Json
from outcome.report.evidence_tables import metric_text, number_text, p_text
from outcome.report.numbers import EN_DASH, format_estimate
from outcome.report.pieces import Folded, Pieces, Table, Words
from outcome.report.wording import metric_of


def analysis_pieces(part: Json | None) -> Pieces:
    """Tests, gaps and pooled estimates of `subgroup_analysis`, folded; empty without subgroups."""
    if not part:
        return ()
    family, tests = str(part.get("family") or ""), _tests(part.get("interaction_tests") or [])
    return (
        *_folded("Interaction tests: do the groups differ?", tests, family, in_print=True),
        *_folded("Each group against all others, and what could have been seen", _gaps(part.get("gaps") or [])),
        *_folded("Estimates drawn towards the common value", _pooled(part.get("partial_pooling") or []), _SHRUNKEN),
    )


_SHRUNKEN = "A small group's own number is mostly chance: it is drawn towards the value common to all groups."


def _folded(title: str, table: Table, words: str = "", *, in_print: bool = False) -> Pieces:
    told = Words(words and f"{words.rstrip('.')}.", muted=True)
    return (Folded(title, (told, table), in_print),) if table.rows else ()


def _tests(tests: Sequence[Json]) -> Table:
    header = ("Variable", "Question", "Groups", "p", "Holm", "Benjamini-Hochberg")
    return Table(header, tuple(_test(test) for test in tests))


def _test(test: Json) -> tuple[str, ...]:
    left_out = ", ".join(f"{name} left out" for name in test.get("left_out") or {})
    groups = "; ".join(part for part in (", ".join(test.get("groups") or []), left_out) if part)
    names = (str(test.get("variable", "")), metric_of(str(test.get("metric")))[1], groups)
    if test.get("withheld"):
        return (*names, f"withheld: {test['withheld']}", EN_DASH, EN_DASH)
    return (*names, p_text(test.get("p_value")), p_text(test.get("holm")), p_text(test.get("benjamini_hochberg")))


def _gaps(gaps: Sequence[Json]) -> Table:
    header = ("Variable", "Group", "Measure", "Group against the others", "Detectable")
    rows = tuple(
        (
            str(gap.get("variable", "")),
            str(gap.get("group", "")),
            metric_of(str(gap.get("metric")))[1],
            format_estimate(gap.get("difference"), signed=gap.get("scale") != "log"),
            _detectable(gap),
        )
        for gap in gaps
    )
    return Table(header, rows)


def _detectable(gap: Json) -> str:
    return f"{number_text(gap.get('detectable'))}{' (ratio)' if gap.get('scale') == 'log' else ''}"


def _pooled(rows: Sequence[Json]) -> Table:
    header = ("Variable", "Group", "Measure", "Estimate", "Common value", "Own weight kept")
    return Table(
        header,
        tuple(
            (
                str(row.get("variable", "")),
                str(row.get("group", "")),
                metric_of(str(row.get("metric")))[1],
                metric_text(str(row.get("metric")), row.get("estimate")),
                number_text(row.get("common")),
                number_text(row.get("kept")),
            )
            for row in rows
        ),
    )


def fairness_pieces(part: Json | None) -> Pieces:
    """Each variable's fairness measures with their largest gaps, and in words which cannot hold together."""
    rows = (part or {}).get("fairness") or []
    return tuple(piece for row in rows for piece in _fairness(row))


def _fairness(row: Json) -> Pieces:
    variable = str(row.get("variable", ""))
    if row.get("withheld"):
        return (Words(f"withheld: {row['withheld']}.", lead=f"{variable}."),)
    at = f" (threshold {number_text(row['threshold'])})" if row.get("threshold") is not None else ""
    header = ("Meaning of fair", "Largest gap (interval)", "Highest", "Lowest")
    rows = tuple(_fair_row(name, gap) for name, gap in (row.get("gaps") or {}).items())
    return (
        Words(str(row.get("words") or ""), lead=f"{variable}."),
        Folded(f"Measures for {variable}{at}", (Table(header, rows),)),
    )


def _fair_row(name: str, gap: Json) -> tuple[str, ...]:
    ends = (str(gap.get(end) or EN_DASH) for end in ("highest", "lowest"))
    return (_words(name), format_estimate(gap.get("gap")), *ends)


def _words(name: str) -> str:
    return name.replace("_", " ")
