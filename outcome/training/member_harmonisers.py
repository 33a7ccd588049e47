"""The harmonisations of many refits as arrays: names once, numbers side by side, so that fifty of them stay small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from outcome.features.batch_model import BatchModel
from outcome.features.harmonise import Harmoniser, SiteEffect
from outcome.features.shrinkage import Prior
from outcome.models.state import Array
from outcome.types import FloatArray

NAME = "harmoniser"


def packed(harmonisers: Sequence[Harmoniser | None]) -> tuple[dict[str, Any], dict[str, Array]]:
    """(what is said once and per refit in plain words, arrays by `<refit>.harmoniser...`); empty without any.

    The reasons for columns left as they are stay behind: a refit's are told nowhere.
    """
    names = sorted({column for one in harmonisers if one for column in one.model.columns})
    if not names:
        return {}, {}
    arrays: dict[str, Array] = {}
    for i, one in enumerate(harmonisers):
        if one is not None:
            arrays[f"{i}.{NAME}.columns"] = np.searchsorted(names, one.model.columns).astype(np.int32)
            arrays[f"{i}.{NAME}.middle"] = one.model.middle
            arrays[f"{i}.{NAME}.numbers"] = _numbers(one)
    members = [None if one is None else _words(one) for one in harmonisers]
    return {"columns": names, "members": members}, arrays


def unpacked(told: Mapping[str, Any], arrays: Mapping[str, Array], i: int) -> Harmoniser | None:
    """The harmonisation of refit `i`; None where it has none."""
    words = told["members"][i] if told else None
    if words is None:
        return None
    columns = tuple(told["columns"][j] for j in arrays[f"{i}.{NAME}.columns"])
    rows: FloatArray = np.asarray(arrays[f"{i}.{NAME}.numbers"], dtype=float)
    q, middle = len(words["covariates"]), np.asarray(arrays[f"{i}.{NAME}.middle"], dtype=float)
    model = BatchModel(columns, tuple(words["covariates"]), middle, rows[0], rows[2 : 2 + q], rows[1])
    sites = {
        name: SiteEffect(rows[2 + q + 2 * k], rows[3 + q + 2 * k], int(n_cases), bool(entered))
        for k, (name, n_cases, entered) in enumerate(words["sites"])
    }
    return Harmoniser(model, sites, Prior.from_json(words["prior"]))


def _numbers(one: Harmoniser) -> FloatArray:
    """Mean, spread, effects of covariates, then shift and scale of each site, (2 + q + 2 sites, p)."""
    effects = [row for site in one.sites.values() for row in (site.shift, site.scale)]
    return np.vstack([one.model.mean, one.model.spread, *one.model.effects, *effects])


def _words(one: Harmoniser) -> dict[str, Any]:
    sites = [[name, site.n_cases, site.entered] for name, site in one.sites.items()]
    return {"covariates": list(one.model.covariates), "sites": sites, "prior": one.prior.to_json()}
