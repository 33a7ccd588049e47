"""Would this procedure hold at a hospital it never saw? Each site held out once: internal-external cross-validation.

The whole procedure (search, choice, calibration, harmonisation) is fitted to the other sites' cases and predicts those
of the site left out, in which no patient of that site takes part. It judges; nothing of it enters the choice of the
model. Steyerberg & Harrell 2016, doi:10.1016/j.jclinepi.2015.04.005; Debray et al. 2015,
doi:10.1016/j.jclinepi.2014.06.018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from outcome.features.columns import FeatureColumn, allowed_columns
from outcome.features.crops import NO_CROPS, Crops
from outcome.features.stability import Repeats
from outcome.training.data import TrainingData
from outcome.training.folds import derive_seed
from outcome.training.nested import prediction_frame
from outcome.training.offer import offer
from outcome.training.procedure import FittedProcedure, fit_procedure
from outcome.training.rungs import CHOSEN
from outcome.training.settings import TrainingSettings
from outcome.types import InputSet, Target

LEAST_SITES = 3


@dataclass(frozen=True, eq=False)
class SiteHeldOut:
    """What the procedure of the other sites said of one site's cases, or why there is none (`skipped`)."""

    site: str
    predictions: pd.DataFrame  # rows of the rung "chosen" as in a unit's out-of-fold table; empty where skipped
    n_training: int  # cases of other sites with a known outcome
    procedure: FittedProcedure | None = None
    skipped: str | None = None


def hold_out(
    site: str,
    sites: Sequence[str],
    frame: pd.DataFrame,
    columns: Sequence[FeatureColumn],
    target: Target,
    patients: Sequence[str],
    settings: TrainingSettings,
    *,
    inputs: InputSet,
    seed: int,
    horizons: Sequence[float] = (),
    one_number: str | None = None,
    crops: Crops = NO_CROPS,
    repeats: Repeats | None = None,
    joint: Sequence[Target] = (),
) -> SiteHeldOut:
    """Fit the procedure without one site and predict that site.

    `frame` is indexed by unique case ids; `sites` names each case's site, (n,); `target`, `patients` and the auxiliary
    endpoints `joint` tell of the same rows. Cases at other sites of a patient whom this site treated are left out too.
    What is fitted depends on the other sites' rows alone. Too few events at the other sites: `skipped` says so.
    """
    days, everyone = tuple(float(day) for day in horizons), np.asarray(patients, dtype=str)
    allowed = allowed_columns(columns, inputs)
    data = TrainingData(frame, allowed, target, everyone, crops, repeats, (), tuple(joint))
    held = np.asarray(sites, dtype=str) == site
    rest = data.take(~held & ~np.isin(everyone, everyone[held])).sorted()
    offered, n_training = offer(rest, inputs, settings, days, one_number), int(rest.target.known.sum())
    if offered.reason:
        return SiteHeldOut(site, pd.DataFrame(), n_training, skipped=f"the other sites: {offered.reason}")
    with threadpool_limits(limits=1):
        procedure = fit_procedure(rest, offered.rungs, settings, derive_seed(seed, "site", site))
        cases = data.take(held).sorted().frame
        made = procedure.predict(cases, days, crops)
    ids = cases.index.to_numpy(dtype=object).tolist()
    table = prediction_frame(CHOSEN, made, ids, days, target.kind)
    return SiteHeldOut(site, table.assign(endpoint=target.endpoint, inputs=inputs.value), n_training, procedure)
