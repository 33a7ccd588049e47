"""Every block side by side, one row a case. Row-wise only: nothing here is learned from other rows."""

from __future__ import annotations

import pandas as pd

from outcome.dictionary import DataDictionary
from outcome.features.clinical import clinical_features
from outcome.features.columns import FeatureColumn


def join_blocks(
    variables: pd.DataFrame, dictionary: DataDictionary, radiomics: pd.DataFrame
) -> tuple[pd.DataFrame, list[FeatureColumn]]:
    """The clinical and plan blocks beside the radiomics block, for the cases of `variables` (index case_id).

    `radiomics` has one column `<region>.<tag>` a feature; a case that it lacks has missing values there.
    """
    clinical, columns = clinical_features(variables, dictionary)
    named = radiomics.add_prefix("radiomics:").reindex(clinical.index)
    return pd.concat([clinical, named], axis=1), [*columns, *(radiomics_column(name) for name in named.columns)]


def radiomics_column(name: str) -> FeatureColumn:
    """The description of one radiomic feature, `radiomics:<region>.<tag>`."""
    label = name.removeprefix("radiomics:").replace(".", " ").replace("_", " ")
    return FeatureColumn(
        name=name, block="radiomics", kind="numeric", availability="preoperative", choices=(), label=label, unit=""
    )
