"""Every block side by side, one row a case. Row-wise only: nothing here is learned from other rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from outcome.dictionary import DataDictionary
from outcome.features.clinical import clinical_features
from outcome.features.columns import BATCH, BATCH_COLUMN, IMAGE, FeatureColumn
from outcome.features.crops import IMAGE_PREFIX


def join_blocks(
    variables: pd.DataFrame, dictionary: DataDictionary, radiomics: pd.DataFrame, images: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, list[FeatureColumn]]:
    """The clinical and plan blocks beside radiomics and image blocks, for the cases of `variables` (index case_id).

    `radiomics` has one column `<region>.<tag>` a feature, `images` (see `images_present`) one a sequence; a case that
    they lack has missing values there.
    """
    clinical, columns = clinical_features(variables, dictionary)
    named = radiomics.add_prefix("radiomics:").reindex(clinical.index)
    columns = [*columns, *(radiomics_column(name) for name in named.columns)]
    if images is None:
        return (pd.concat([clinical, named], axis=1) if len(named.columns) else clinical), columns
    blocks = [image_column(str(sequence)) for sequence in images.columns]
    present = images.reindex(clinical.index).set_axis([column.name for column in blocks], axis=1)
    return pd.concat([clinical, named, present], axis=1), [*columns, *blocks]


def with_batch(
    frame: pd.DataFrame, columns: Iterable[FeatureColumn], batch: Mapping[str, str | None], label: str
) -> tuple[pd.DataFrame, list[FeatureColumn]]:
    """The same features and the batch of each case (`batch`: case_id to name, None or absent where not known).

    `label` says what makes a batch, e.g. "site".
    """
    names = [batch.get(str(case)) for case in frame.index]
    named = pd.Series([name if name else None for name in names], index=frame.index, dtype=object)
    column = FeatureColumn(BATCH_COLUMN, "case", BATCH, "preoperative", label=label)
    return frame.assign(**{BATCH_COLUMN: named}), [*columns, column]


def images_present(sequences: Iterable[str], found: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """Which case has a crop of which sequence: 1.0 or NaN, index case_id. `found` names each case's sequences."""
    have = {case_id: set(names) for case_id, names in found.items()}
    rows = {name: [1.0 if name in there else np.nan for there in have.values()] for name in sequences}
    return pd.DataFrame(rows, index=pd.Index(list(have), name="case_id", dtype=str), dtype=float)


def radiomics_column(name: str) -> FeatureColumn:
    """The description of one radiomic feature, `radiomics:<region>.<tag>`."""
    label = name.removeprefix("radiomics:").replace(".", " ").replace("_", " ")
    return FeatureColumn(
        name=name, block="radiomics", kind="numeric", availability="preoperative", choices=(), label=label, unit=""
    )


def image_column(sequence: str) -> FeatureColumn:
    """The description of a sequence's image block, `image:<sequence>:crop`: whether the case has it."""
    block = f"{IMAGE_PREFIX}{sequence}"
    label = f"{sequence.replace('_', ' ')} image"
    return FeatureColumn(f"{block}:crop", block, IMAGE, "preoperative", label=label)
