"""`outcome evaluate --predictions FILE`: what may be asked of a table made elsewhere, and how the answer is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from outcome.cli.screen import Screen
from outcome.errors import EXIT_OK, UsageError
from outcome.pipeline.evaluate_table import evaluate_table
from outcome.pipeline.predictions_table import COLUMNS, Question, read_predictions
from outcome.pipeline.table_report import RELATIONS, TableReport, write_table_report
from outcome.report.numbers import count, format_difference, format_estimate, is_number
from outcome.report.wording import metric_of

StudyOrTable = Annotated[Path | None, typer.Argument(metavar="[STUDY.yaml]", help="the study file", show_default=False)]
PredictionsFile = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        metavar="FILE",
        help="a CSV or Parquet table of predictions made elsewhere, in place of a study: columns outcome (0 or 1) and "
        "risk, or time, event (0 censored, 1 event, 2 competing event) and risk",
    ),
]
TableKind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="with --predictions: binary, survival or competing")
]
Horizon = Annotated[
    float | None,
    typer.Option("--horizon", metavar="T", help="with --predictions: risks are by this time, in the unit of time"),
]
Compared = Annotated[
    list[str] | None,
    typer.Option("--compare", metavar="COLUMN", help="with --predictions: another score to compare with (repeatable)"),
]
Grouped = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="COLUMN", help="with --predictions: measure every group of a column (repeatable)"),
]
Thresholds = Annotated[
    list[float] | None,
    typer.Option("--threshold", metavar="T", help="with --predictions: a risk to act on, set beforehand (repeatable)"),
]
Draws = Annotated[
    int | None,
    typer.Option(
        "--bootstrap",
        metavar="N",
        help="with --predictions: every metric's interval once more, by N draws of cases, or of patients where the "
        "table has a column patient_id",
    ),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="with --predictions: write metrics.json and the report here"),
]
Relation = Annotated[
    str | None,
    typer.Option(
        "--relation",
        metavar="R",
        help=f"with --out: how the cases relate to those the model was made from: {', '.join(RELATIONS)}",
    ),
]
Asked = tuple[Sequence[str] | None, Sequence[str] | None, Sequence[float] | None]
Json = Mapping[str, Any]
Word = TypeVar("Word", str, float)


def asked_of_table(
    study: Path | None, kind: str | None, horizon: float | None, asked: Asked, draws: int | None = None
) -> Question:
    """The question put to a table; UsageError where words are missing or contradict each other."""
    if study is not None:
        next_step = "leave out the study file, or --predictions"
        raise UsageError("either a study or a table of predictions can be evaluated", next_step=next_step)
    if kind is None:
        raise UsageError("--predictions needs --kind", expected=f"--kind {' or '.join(COLUMNS)}")
    compare, groups, thresholds = asked
    return Question(kind, horizon, _once(compare), _once(groups), _once(thresholds), draws or 0)


def _once(words: Sequence[Word] | None) -> tuple[Word, ...]:
    return tuple(dict.fromkeys(words or ()))


def named_study(study: Path | None, only_for_tables: Sequence[object]) -> Path:
    """The study file; UsageError without one, or with words that only a table of predictions understands."""
    if study is None:
        raise UsageError("nothing to evaluate", expected="STUDY.yaml, or --predictions FILE --kind KIND")
    if any(word is not None for word in only_for_tables):
        words = "--kind, --horizon, --compare, --group, --threshold, --bootstrap, --out and --relation"
        message = f"{words} belong to --predictions"
        raise UsageError(message, next_step="set endpoints, horizons and subgroups in the study file")
    return study


def asked_report(predictions: Path, out: Path | None, relation: str | None) -> TableReport | None:
    """The report that is asked for; None without --out. Raises UsageError without a fitting relation."""
    if out is None and relation is not None:
        raise UsageError("--relation stands in the report", next_step="add --out DIR, or leave out --relation")
    if out is not None and relation is None:
        raise UsageError(
            "the report has to say how these cases relate to those the model was made from, and no table tells",
            expected=f"--relation {' or '.join(RELATIONS)}",
        )
    return None if out is None or relation is None else TableReport(out, predictions.stem, relation)


def show_table_evaluation(predictions: Path, question: Question, report: TableReport | None, screen: Screen) -> int:
    """Measure the table, write its report where one is asked for, and show the result."""
    table = read_predictions(predictions, question)
    document = {"exit_code": EXIT_OK, **evaluate_table(table, question)}
    lines = [] if report is None else write_table_report(report, table, question, document)
    screen.result(document, lambda s: _show(s, document, predictions.name))
    for line in lines:
        screen.note(line)
    return EXIT_OK


def _show(screen: Screen, document: Json, name: str) -> None:
    horizon = "" if document["horizon"] is None else f" by {document['horizon']:g}"
    head = f"{name}: {count(document['n_events'])} events{horizon and ' (any time)'}, {count(document['n'])} cases"
    unknown = f", {document['n_unknown']} more with unknown outcome" if document["n_unknown"] else ""
    title = f"{head}{unknown}; {document['kind']}{horizon}"
    screen.table(["metric", "value (95 % interval)", "method"], _metric_rows(document["metrics"]), title=title)
    if "bootstrap" in document:
        rows = _metric_rows(document["bootstrap"])
        screen.table(["metric", "value (95 % interval)", "method"], rows, title="the same by drawing again")
    for part in document["at_thresholds"] if len(document["at_thresholds"]) > 1 else ():
        rows = _metric_rows(part["metrics"])
        screen.table(["metric", "value (95 % interval)", "method"], rows, title=f"threshold {part['threshold']:g}")
    _show_comparisons(screen, document["comparisons"])
    _show_subgroups(screen, document["subgroups"])
    screen.line("Research use only.")


def _metric_rows(metrics: Json) -> list[tuple[str, str, str]]:
    return [(metric_of(name)[1], _written(name, estimate), estimate["method"]) for name, estimate in metrics.items()]


def _written(name: str, estimate: Json) -> str:
    return format_estimate(estimate, decimals=max(3, metric_of(name)[0].decimals))


def _show_comparisons(screen: Screen, comparisons: Json) -> None:
    rows = [
        (
            column,
            metric_of(metric)[1],
            format_difference({**found, "value": found["difference"]}),
            f"{found['p']:.3g}" if is_number(found["p"]) else "",
        )
        for column, metrics in comparisons.items()
        for metric, found in metrics.items()
    ]
    if rows:
        screen.table(["compared with", "metric", "risk minus it (95 % interval)", "p"], rows, title="comparisons")


def _show_subgroups(screen: Screen, subgroups: Sequence[Json]) -> None:
    rows = [
        (
            f"{row['variable']} = {row['group']}",
            f"{count(row['n_events'])}/{count(row['n'])}",
            *(_written(name, row["metrics"][name]) for name in _leading(row["metrics"])),
        )
        for row in subgroups
    ]
    if rows:
        leading = [metric_of(name)[1] for name in _leading(subgroups[0]["metrics"])]
        screen.table(["group", "events/n", *leading], rows, title="subgroups (intervals not adjusted for their number)")


def _leading(metrics: Json) -> tuple[str, ...]:
    """The two numbers a reader wants first: ranking and calibration in the large."""
    return tuple(name for name in ("auroc", "harrell_c", "oe_ratio", "oe_ratio_t") if name in metrics)
