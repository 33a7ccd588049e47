"""A table of predictions made elsewhere as the same metrics.json and report that a study of one's own gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from outcome.errors import Refusal, StoreRefusal, UsageError
from outcome.evaluation import difference, evaluate_target
from outcome.formats import METRICS, VERSION_KEY
from outcome.pipeline.evidence.integrity import table_integrity
from outcome.pipeline.predictions_table import PredictionsTable, Question
from outcome.report.pdf import write_pdf
from outcome.report.validation_report import render_report
from outcome.store import write_bytes, write_json, write_text
from outcome.types import FloatArray

RELATIONS = ("external", "geographic", "temporal", "development")
PARTITION, ENDPOINT, INPUTS = "table", "outcome", "given"
_ELSEWHERE = "the predictions were made elsewhere"
_UNIT = "Where this report says days, it means the unit of the column `time`."
_STATED = "stated by who asked; a table cannot show when it was set"


@dataclass(frozen=True)
class TableReport:
    """Where the report of a table goes, what the table is called, and how its cases stand to the model's own."""

    folder: Path
    name: str
    relation: str = "external"

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise UsageError(
                f"no such relation: {self.relation!r}",
                expected=f"--relation {' or '.join(RELATIONS)}",
                next_step="say how these cases relate to those the model was made from",
            )


def write_table_report(report: TableReport, table: PredictionsTable, question: Question, measured: Any) -> list[str]:
    """Write metrics.json, report.html and, where this machine can make one, report.pdf into the folder.

    `measured` is what `evaluate_table` said of the table. Returns a line for each file, for a person. Raises
    StoreRefusal where they cannot be written.
    """
    document = table_metrics(report, table, question, measured)
    study = _study(report, question)
    page = render_report(document, flow=document["flow"], findings=[], model_facts={}, study=study)
    write_json(report.folder / "metrics.json", document)
    write_text(report.folder / "report.html", page)
    written = [f"written: {report.folder / name}" for name in ("metrics.json", "report.html")]
    return [*written, _printed(report.folder / "report.pdf", page)]


def _printed(path: Path, page: str) -> str:
    """A machine that cannot make a PDF is told why and keeps the page; an older PDF would belong to another page."""
    try:
        write_bytes(path, write_pdf(page))
    except StoreRefusal:
        raise
    except Refusal as refusal:
        path.unlink(missing_ok=True)
        return f"not written: {path}: {refusal.message}"
    return f"written: {path}"


def table_metrics(report: TableReport, table: PredictionsTable, question: Question, measured: Any) -> dict[str, Any]:
    """What was measured in the form of metrics.json (docs/store.md): one partition, one endpoint, one input set."""
    n = len(table.target)
    partition = {
        "label": report.name,
        "relation": report.relation,
        "source": "table",
        "n": n,
        "endpoints": {ENDPOINT: _endpoint(table, question, measured)},
    }
    return {
        VERSION_KEY: METRICS,
        "study": report.name,
        "title": f"Predictions made elsewhere: {report.name}",
        "bundle_id": "",
        "created_by": f"outcome {metadata.version('surgical-outcome')}",
        "integrity": table_integrity(table.names_cases, table.identical_rows, thresholds=len(question.thresholds)),
        "partitions": {PARTITION: partition},
        "flow": [{"step": "table", "reason": "rows of the table", "n_left": n, "n_excluded": 0}],
        "findings": [],
    }


def _endpoint(table: PredictionsTable, question: Question, measured: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": table.target.endpoint,
        "kind": table.target.kind.value,
        "horizon_days": question.horizon,
        "unit": "",
        "n": measured["n"],
        "n_events": measured["n_events"],
        "n_unknown": measured["n_unknown"],
        "definition": f"as the table codes it (--kind {question.kind})",
        "parts": [],
        "models": {INPUTS: _model(question, measured)},
        "not_modelled": {},
        "comparators": {name: _compared(table, score) for name, score in table.compared.items()},
    }


def _model(question: Question, measured: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("metrics", "calibration_curve", "risk_histogram", "decision_curve", "subgroups", "subgroup_analysis")
    single = question.thresholds[0] if len(question.thresholds) == 1 else None
    return {
        **{name: measured[name] for name in kept},
        "at_thresholds": measured["at_thresholds"],
        "other_horizons": {},
        "threshold": None if single is None else {"value": single, "provenance": _STATED},
        "rung": INPUTS,
        "reason": _ELSEWHERE,
        "ladder": [],
    }


def _compared(table: PredictionsTable, score: FloatArray) -> dict[str, Any]:
    """Another score of the table: how well it ranks, and the risk minus it in the primary metric."""
    alone = evaluate_target(table.target, None, score).to_json()
    gain = difference(table.target, table.risk, score).to_json()
    return {**alone, "difference": {INPUTS: gain}}


def _study(report: TableReport, question: Question) -> dict[str, Any]:
    notes = [f"Only a table was handed over: {_ELSEWHERE}, and nothing is known here of how its cases were chosen."]
    return {"name": report.name, "notes": [*notes, *([_UNIT] if question.horizon is not None else [])]}
