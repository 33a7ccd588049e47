"""The likelihood-ratio column of the ladder."""

from __future__ import annotations

from typing import Any

import pytest

from outcome.report.entries import model_entries
from outcome.report.model_parts import model_parts
from outcome.report.nested_rungs import HEADER, MEANING, gain_cells, gain_text
from outcome.report.pieces import Table, Words
from outcome.report.sections import model_section

TEST: dict[str, Any] = {"beyond": "clinical", "statistic": 12.312, "df": 3, "p_value": 0.0064, "columns": 5, "n": 90,
                        "n_events": 60, "withheld": None}  # fmt: skip
NONE: dict[str, Any] = {**TEST, "statistic": None, "df": None, "p_value": None, "withheld": "too many columns"}


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (TEST, "beyond clinical: χ² 12.31, 3 df, p 0.006"),
        ({**TEST, "p_value": 1e-9}, "beyond clinical: χ² 12.31, 3 df, p <0.001"),
        (NONE, "beyond clinical: withheld: too many columns"),
        (None, "–"),
    ],
)
def test_a_cell(test: dict[str, Any] | None, text: str) -> None:
    assert gain_text(test) == text


def test_a_ladder_without_tests_has_no_such_column() -> None:
    assert gain_cells([{"rung": "a"}, {"rung": "b", "likelihood_ratio": None}]) == ()
    assert len(gain_cells([{"rung": "a"}, {"rung": "b", "likelihood_ratio": NONE}])) == 2


def ladder_pieces(metrics: dict[str, Any]) -> tuple[Table, list[str]]:
    entry = next(model_entries(metrics))
    (section,) = (part for part in model_parts(entry, model_section(entry, {})) if part.topic == "ladder")
    (table,) = (piece for piece in section.pieces if isinstance(piece, Table))
    return table, [piece.text for piece in section.pieces if isinstance(piece, Words)]


def test_the_ladder_s_table_shows_it_and_says_whose_cases_they_are(metrics: dict[str, Any]) -> None:
    before, words = ladder_pieces(metrics)
    assert HEADER not in before.header
    assert words == []
    ladder = metrics["partitions"]["development"]["endpoints"]["complication"]["models"]["preoperative"]["ladder"]
    ladder[1]["likelihood_ratio"] = TEST
    table, words = ladder_pieces(metrics)
    assert table.header[-1] == HEADER
    assert [row[-1] for row in table.rows] == ["–", gain_text(TEST)]
    assert [row[:-1] for row in table.rows] == list(before.rows)
    assert table.marked == before.marked
    assert words == [MEANING]
    assert "development cases" in MEANING
