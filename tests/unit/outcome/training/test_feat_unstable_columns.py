"""Columns left out of a fit: by its cases, told with the reason, kept out of refits; too few cases leave none out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from outcome.features.columns import FeatureColumn
from outcome.features.stability import Repeats, repeats_from
from outcome.report.sections import choice_notes
from outcome.training.data import TrainingData
from outcome.training.procedure import fit_procedure, refit
from outcome.training.rungs import Rung
from outcome.training.settings import TrainingSettings
from outcome.training.stability import NOTE, stability_json, without_unstable
from outcome.types import Target

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
GOOD, POOR = (FeatureColumn(f"radiomics:tumor.{n}", "radiomics", "numeric", "preoperative") for n in ("good", "poor"))
COLUMNS = (AGE, GOOD, POOR)
SETTINGS = TrainingSettings(outer_folds=2, inner_folds=2)
GRID = ({"penalty": 0.3},)


def _data(repeated: int, n: int = 60) -> TrainingData:
    rng = np.random.default_rng(0)
    ids = [f"c{i:02d}" for i in range(n)]
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=[column.name for column in COLUMNS], index=ids)
    target = Target.binary("e", (frame[GOOD.name] + rng.logistic(size=n) > 0).to_numpy(dtype=float))
    moved = {
        name: frame[[name]].to_numpy()[:repeated] + spread * rng.normal(size=(repeated, 3))
        for name, spread in ((GOOD.name, 0.01), (POOR.name, 3.0))
    }
    tables = {name: pd.DataFrame(values, index=ids[:repeated]) for name, values in moved.items()}
    return TrainingData(frame, COLUMNS, target, np.array(ids), repeats=Repeats(tables))


def test_what_moves_too_much_is_left_out_and_the_record_stays() -> None:
    stable = without_unstable(_data(20))
    assert stable.columns == (AGE, GOOD)
    assert [name for name, _ in stable.unstable] == [POOR.name]


def test_too_few_repeated_cases_leave_every_column_and_say_so() -> None:
    few = without_unstable(_data(4))
    assert few.columns == COLUMNS
    assert few.unstable == ((NOTE, "no column left out for instability: 4 repeated cases in training, 5 are needed"),)
    assert without_unstable(_data(5)).unstable[0][0] != NOTE
    none = replace(_data(5), repeats=None)
    assert without_unstable(none) is none


def test_a_rung_tells_what_it_would_have_read_and_refits_keep_it_out() -> None:
    data = _data(20)
    both = Rung("all", "logistic", GRID, 1, ("clinical", "radiomics"))
    rungs = (Rung("record", "logistic", GRID, 0, ("clinical",)), both)
    record, everything = fit_procedure(data, rungs, SETTINGS, 1).rungs
    assert record.preprocessor.dropped == ()
    assert dict(everything.preprocessor.dropped)[POOR.name].startswith("agreement of repeated measurements")
    again = refit(everything, data.take(np.arange(10)), SETTINGS, 2)
    assert [column.name for column in again.preprocessor.columns] == [AGE.name, GOOD.name]


def test_a_rung_whose_only_column_is_unstable_says_the_average() -> None:
    fitted = fit_procedure(_data(20), (Rung("poor", "logistic", GRID, 0, columns=(POOR.name,)),), SETTINGS, 1)
    risks = fitted.predict(_data(20).frame).risk
    assert np.allclose(risks, risks[0])


def test_a_long_table_gives_one_table_a_column() -> None:
    long = pd.DataFrame({"case_id": ["b", "a", "b", "a"], "repeat": [1, 0, 0, 1], "x": [4.0, 1.0, 3.0, np.nan]})
    table = repeats_from(long, 0.5).tables["x"]
    assert table.index.tolist() == ["a", "b"]
    assert table.loc["b"].tolist() == [3.0, 4.0]
    assert np.isnan(table.loc["a"].tolist()[1])


def test_the_report_says_how_many_and_why() -> None:
    told = stability_json(_data(20), [[fit.preprocessor for fit in fit_procedure(
        _data(20), (Rung("all", "logistic", GRID, 1, ("radiomics",)),), SETTINGS, 1).rungs]])  # fmt: skip
    assert told["stability"]["left_out_in_outer_folds"] == [1]
    note = choice_notes({"n_columns": 1, **told})[1]
    assert note.startswith("measured again in 20 training cases: 1 of 2 columns left out")
    assert stability_json(replace(_data(20), repeats=None), []) == {}
    few = stability_json(_data(4), [[]])
    assert "5 are needed" in choice_notes(few)[0]
