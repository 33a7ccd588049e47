"""What a surgeon must know before reading a patient's risk: missing inputs, findings, values outside experience."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.records import CASE_BLOCKS, Json, StudyRecords, case_findings, readable_columns

_NAMED = 4


@dataclass(frozen=True)
class Caution:
    """One warning: a short head and the sentence behind it."""

    head: str
    text: str


def cautions(records: StudyRecords, case_id: str, inputs: str) -> list[Caution]:
    """All warnings of a case, the gravest first."""
    columns = readable_columns(records, inputs)
    values = row_of(records.features, case_id)
    found = [*_findings(records, case_id), *_mask(records, case_id), *_unlike(records, case_id)]
    if values is None:
        return [*found, Caution("No inputs", "No features were computed for this case.")]
    return [*found, *_outside(records, values, columns, case_id), *_missing(values, columns)]


def _findings(records: StudyRecords, case_id: str) -> list[Caution]:
    heads = {"reject": "Rejected", "review": "To review"}
    return [
        Caution(heads[str(f["level"])], f"{str(f.get('code', '')).replace('_', ' ')}: {f.get('message', '')}")
        for f in case_findings(records).get(case_id, [])
    ]


def _unlike(records: StudyRecords, case_id: str) -> list[Caution]:
    """What the bundle itself warns of, as the predict stage filed it (docs/monitor.md)."""
    if "case_id" not in records.warnings:
        return []
    mine = records.warnings[records.warnings["case_id"].astype(str) == case_id]
    return [Caution("Unlike training", f"{message}.") for message in mine["message"]]


def _mask(records: StudyRecords, case_id: str) -> list[Caution]:
    if not records.regions or case_id in records.masks:
        return []
    return [Caution("No mask", "This case has no mask: nothing measured on images entered the risk.")]


def _missing(values: pd.Series, columns: list[Json]) -> list[Caution]:
    single = [c for c in columns if c["block"] in CASE_BLOCKS]
    missing = [label_of(c) for c in single if pd.isna(values[c["name"]])]
    if not missing:
        return []
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    text = f"{len(missing)} of {len(single)} inputs: {', '.join(missing[:_NAMED])}{more}. "
    return [Caution("Missing", text + "Typical values of the development cases stand in for them.")]


def _outside(records: StudyRecords, values: pd.Series, columns: list[Json], case_id: str) -> list[Caution]:
    """Numeric inputs beyond every development case; development cases lie inside by definition."""
    known = [name for name, facts in records.partitions.items() if facts.get("relation") == "development"]
    learned = records.cases.index[records.cases["partition"].astype(str).isin(known)]
    if case_id in learned or not len(learned):
        return []
    numeric = [c for c in columns if c.get("kind") == "numeric" and c["block"] in CASE_BLOCKS]
    seen = records.features.reindex(learned)
    return [caution for c in numeric if (caution := _beyond(c, values[c["name"]], seen[c["name"]]))]


def _beyond(column: Json, value: float, seen: pd.Series) -> Caution | None:
    low, high = seen.min(), seen.max()
    if pd.isna(value) or pd.isna(low) or low <= value <= high:
        return None
    unit = f" {column['unit']}" if column.get("unit") else ""
    span = f"{number_text(low)}–{number_text(high)}{unit}"
    text = f"{label_of(column)} {number_text(value)}{unit}; the development cases span {span}."
    return Caution("Outside experience", text)


def row_of(table: pd.DataFrame, case_id: str) -> pd.Series | None:
    """One case's row of a table indexed by case; None where it has none."""
    return table.loc[[case_id]].iloc[0] if case_id in table.index else None


def label_of(column: Json) -> str:
    """A column's label for readers."""
    return str(column.get("label") or str(column["name"]).partition(":")[2].replace("_", " "))


def number_text(value: float) -> str:
    """A measured value with at most four significant digits."""
    return f"{value:.4g}" if np.isfinite(value) else "–"
