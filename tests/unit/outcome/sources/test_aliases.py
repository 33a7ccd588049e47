"""Columns of the NSQIP data file under this program's names; what is known late cannot be called early."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import outcome
from outcome.cohort.coding import code_column
from outcome.config import TableSource
from outcome.dictionary import Availability, DataDictionary, Role
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.sources import read_record
from outcome.sources.aliases import registry

SHIPPED = DataDictionary.load(Path(outcome.__file__).parent.parent / "data_dictionary" / "nsqip.csv")
SOURCE = TableSource(format="csv", path="puf.csv", aliases="nsqip")
ROWS = """CaseID,AGE,SEX,ASACLAS,PRSODM,PRALBUM,OPTIME,TOTHLOS,DOptoDis,MYOWN
1,90+,male,3-Severe Disturb,-99,3.9,125,7,-99,-99
2,54,female,None assigned,138.0,-99.00,60,2,2,x
"""


def read(folder: Path, text: str = ROWS, dictionary: DataDictionary = SHIPPED) -> pd.DataFrame:
    (folder / "puf.csv").write_text(text)
    return read_record(SOURCE, folder, dictionary).table


def test_columns_get_their_names_and_minus_99_is_missing(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert list(table.columns) == [
        "case_id", "age", "sex", "asa_class", "sodium", "albumin", "operation_minutes", "stay_days",
        "days_to_discharge", "MYOWN",
    ]  # fmt: skip
    assert table.loc[0].tolist() == ["1", "90", "male", "3-Severe Disturb", None, "3.9", "125", "7", None, "-99"]
    assert table.loc[1, "albumin"] is None


def test_the_shipped_dictionary_reads_the_files_own_words(tmp_path: Path) -> None:
    coded = code_column(SHIPPED["asa_class"], read(tmp_path)["asa_class"])
    assert coded.values.tolist() == ["3", None]
    assert not any(rows.any() for rows in coded.problems.values())


def test_dictionary_and_alias_table_say_the_same() -> None:
    aliases = {alias.name: alias for alias in registry("nsqip").aliases.values()}
    assert list(aliases) == list(SHIPPED.names)
    for variable in SHIPPED:
        assert (variable.label, variable.availability) == (
            aliases[variable.name].meaning,
            aliases[variable.name].availability,
        )


def test_late_columns_predict_nothing() -> None:
    late = {Availability.INTRAOPERATIVE, Availability.POSTOPERATIVE}
    predictors = {variable.name for variable in SHIPPED if Role.PREDICTOR in variable.roles}
    assert {"age", "sodium", "asa_class"} <= predictors
    assert not predictors & {v.name for v in SHIPPED if v.availability in late}
    assert {
        SHIPPED[name].availability for name in ("operation_minutes", "stay_days", "days_to_discharge", "cpt")
    } == late


def test_a_late_column_called_early_is_refused(tmp_path: Path) -> None:
    sly = replace(
        SHIPPED["operation_minutes"], availability=Availability.PREOPERATIVE, roles=frozenset({Role.PREDICTOR})
    )
    lying = DataDictionary(tuple(sly if v.name == sly.name else v for v in SHIPPED))
    with pytest.raises(ConfigRefusal, match="OPTIME intraoperative"):
        read(tmp_path, dictionary=lying)
    with pytest.raises(ConfigRefusal, match="OPTIME intraoperative"):  # nor under another name
        read(tmp_path, dictionary=DataDictionary((replace(sly, name="harmless", source="operation_minutes"),)))


@pytest.mark.parametrize(
    ("text", "words"), [("id,x\n1,2\n", "no column of nsqip"), ("AGE,age\n1,2\n", "called alike.*\n.*age")]
)
def test_a_table_that_cannot_be_renamed_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataRefusal, match=words):
        read(tmp_path, text)
