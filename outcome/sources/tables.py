"""What does the record say, cell by cell? One frame of raw text from a file or a database; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from outcome.config import FhirMapping, OmopMapping, TableSource, load_mapping
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal, Refusal
from outcome.sources import delimited, nested, query, workbook
from outcome.sources.aliases import refuse_early, renamed
from outcome.sources.compact import as_text
from outcome.sources.ehr.fhir import read_fhir
from outcome.sources.ehr.omop import read_omop
from outcome.sources.reading import Reading


def read_record(source: TableSource, root: Path, dictionary: DataDictionary) -> Reading:
    """The study's table, one row a case, whatever its form: a table as it is, or a health record by its mapping.

    Its columns may be compact (`sources.compact`): numbers as numbers, which `cells` gives as the text they stand for.

    Raises DataRefusal and ConfigRefusal as `read_table` does, and where a mapping and the dictionary disagree.
    """
    if source.mapping is None:
        if source.aliases:
            refuse_early(source.aliases, dictionary)
        # with a registry's names cells are rewritten, one by one
        return Reading(read_table(source, root) if source.aliases else _as_written(source, root))
    mapping = load_mapping(source.mapping, source.format)
    if isinstance(mapping, OmopMapping):
        return read_omop(source, root, mapping, dictionary)
    assert isinstance(mapping, FhirMapping)
    return read_fhir(root / (source.path or ""), mapping, dictionary)


def read_table(source: TableSource, root: Path) -> pd.DataFrame:
    """The table as the hospital wrote it: one row a case, raw column names, str or None in every cell.

    Nested JSON becomes one column a leaf, named by its dotted path; columns of a registry get the names of
    `table.aliases`. Raises DataRefusal for a file that is missing, empty or unreadable, for rows of different length,
    and for two columns of one name.
    """
    table = as_text(_as_written(source, root))
    return renamed(table, source.aliases) if source.aliases else table


def _as_written(source: TableSource, root: Path) -> pd.DataFrame:
    if source.format == "sql":
        return query.read_query(source, root)
    path = root / (source.path or "")
    if not path.is_file():
        raise DataRefusal(
            "the table does not exist",
            expected=f"a {source.format} file at `root`/`table.path`",
            found=f"nothing at {path}",
            next_step="correct root or table.path in the study file",
        )
    try:
        return READERS[source.format](path, source)
    except Refusal:
        raise
    except Exception as error:  # the readers of four libraries raise what they like on a damaged file
        raise DataRefusal(
            f"{path.name} cannot be read as {source.format}",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            next_step="open the file with the program that made it, or correct table.format and table.encoding",
        ) from error


READERS: Mapping[str, Callable[[Path, TableSource], pd.DataFrame]] = {
    "csv": delimited.read_delimited,
    "json": nested.read_nested,
    "parquet": workbook.read_parquet_table,
    "excel": workbook.read_workbook,
}
