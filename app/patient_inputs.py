"""Which inputs of a patient the model could read: label, value, unit and when known; and which were missing."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from app.records import Json, StudyRecords, readable_columns
from app.warnings_for_case import label_of, number_text, row_of


@dataclass(frozen=True)
class InputRow:
    """One input as text."""

    label: str
    value: str
    unit: str
    known: str


@dataclass(frozen=True)
class InputBlock:
    """The inputs of one block: those with a value, and the labels of the missing ones."""

    name: str
    used: list[InputRow]
    missing: list[str]


_BLOCKS = {"clinical": "Health record", "plan": "Planned procedure", "radiomics": "Measured on the mask and image"}


def input_blocks(records: StudyRecords, case_id: str, inputs: str) -> list[InputBlock]:
    """The blocks in the order of the columns; empty where the case has no features."""
    values = row_of(records.features, case_id)
    if values is None:
        return []
    columns = readable_columns(records, inputs)
    return [_block(name, [c for c in columns if c["block"] == name], values) for name in _in_order(columns)]


def _in_order(columns: list[Json]) -> list[str]:
    return list(dict.fromkeys(str(c["block"]) for c in columns))


def _block(name: str, columns: list[Json], values: pd.Series) -> InputBlock:
    present = [c for c in columns if not pd.isna(values[c["name"]])]
    rows = [
        InputRow(
            label_of(c), value_text(c, values[c["name"]]), str(c.get("unit") or ""), str(c.get("availability", ""))
        )
        for c in present
    ]
    missing = [label_of(c) for c in columns if pd.isna(values[c["name"]])]
    return InputBlock(_BLOCKS.get(name) or _plain(name), rows, missing)


def _plain(block: str) -> str:
    """ "Image flair" for the block image:flair, "Genomics" for genomics."""
    words = block.replace(":", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def value_text(column: Json, value: object) -> str:
    """A value for readers: yes or no, a category's own word, or a number; of an image only that it is there."""
    if column.get("kind") == "image":
        return "there"
    if column.get("kind") == "boolean":
        return "yes" if value else "no"
    if isinstance(value, float):
        return number_text(value)
    words = dict(zip(column.get("choices", ()), column.get("choice_labels", ()), strict=False))
    return str(words.get(value, value))
