"""The table of ranks within outer folds, the line about further partitions, and the benchmark's column."""

from __future__ import annotations

import copy
from typing import Any

from evidence_parts import MODEL, number

from benchmarks.kits23 import simpler
from outcome.report.entries import ModelEntry, model_entries
from outcome.report.pieces import Table, Words
from outcome.report.within_folds import repeats_words, within_folds_pieces

REPEATS = {
    "metric": "auroc", "rows": [{}, {}, {}], "words": "Each repeat is judged by itself",
    "pooled": {"mean": 0.7, "smallest": 0.68, "largest": 0.72, "repeats": 3}, "within_folds": None,
    "chosen_in_outer_folds": {"clinical": 12, "clinical + plan": 3},
}  # fmt: skip


def entry_with(metrics: Any, **parts: Any) -> ModelEntry:
    document = copy.deepcopy(metrics)
    model = document["partitions"]["development"]["endpoints"]["complication"]["models"]["preoperative"]
    model.update(parts)
    return next(iter(model_entries(document)))


def test_a_row_each_with_what_the_choice_adds(metrics: Any) -> None:
    table, words = within_folds_pieces(entry_with(metrics, within_folds=MODEL["within_folds"]))
    assert isinstance(table, Table)
    assert isinstance(words, Words)
    chosen, rival = table.rows
    assert chosen == ("the chosen model of each fold", "0.70 (0.60–0.80)", "–", "4, 1 left out")
    assert rival[1:] == ("0.64 (0.50–0.70)", "+0.06 (−0.01 to +0.13)", "5")
    assert table.marked == {0}


def test_further_partitions_in_one_line(metrics: Any) -> None:
    assert repeats_words(REPEATS) == (
        "Over 3 partitions into outer folds, AUC (ROC) was pooled 0.700 on average, 0.680 to 0.720; within folds not "
        "to be had. Chosen in their outer folds: clinical in 12, clinical + plan in 3."
    )
    pieces = within_folds_pieces(entry_with(metrics, outer_repeats=REPEATS))
    assert [type(piece) for piece in pieces] == [Words, Words]


def test_the_benchmark_tells_the_difference_within_folds_beside_the_pooled_one(metrics: Any) -> None:
    document = copy.deepcopy(metrics)
    endpoint = document["partitions"]["development"]["endpoints"]["complication"]
    model = endpoint["models"]["preoperative"]
    name = next(iter(endpoint["comparators"]))
    endpoint["comparators"][name] = {
        "metrics": {"auroc": number()},
        "difference": {"preoperative": number(0.05, 0, 0.1)},
    }
    model["ladder"] = [{"rung": "clinical", "metrics": {"auroc": number()}, "difference": number(0.01, 0, 0.02)}]
    model["rung"] = "clinical + radiomics"
    told = {"estimate": number(), "folds": 5, "left_out": 0, "p_value": None}
    model["within_folds"] = {"rows": [
        {"kind": "chosen", "name": "chosen", "difference": None, **told},
        {"kind": "rung", "name": "clinical", "difference": number(0.03, 0.02, 0.04), **told}]}  # fmt: skip
    rows = [row for row in simpler(document) if "clinical + radiomics" in row]
    assert [row.split(" | ")[-1] for row in rows] == ["– |", "+0.03 (+0.02 to +0.04) |"]
