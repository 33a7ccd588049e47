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

from outcome.training.folds import derive_seed
from outcome.training.out_of_fold import out_of_fold_table
from outcome.training.procedure import FittedProcedure, fit_procedure
from outcome.training.rungs import CHOSEN
from outcome.training.settings import TrainingSettings
from outcome.training.unit_cases import UnitCases

LEAST_SITES = 3


@dataclass(frozen=True, eq=False)
class SiteHeldOut:
    """What the procedure of the other sites said of one site's cases, or why there is none (`skipped`)."""

    site: str
    predictions: pd.DataFrame  # rows of the rung "chosen" as in a unit's out-of-fold table; empty where skipped
    n_training: int  # cases of other sites with a known outcome
    procedure: FittedProcedure | None = None
    skipped: str | None = None


def hold_out(site: str, sites: Sequence[str], cases: UnitCases, settings: TrainingSettings, seed: int) -> SiteHeldOut:
    """Fit the procedure without one site and predict that site.

    `sites` names each case's site, (n,), in the order of the cases. Cases at other sites of a patient whom this site
    treated are left out too. What is fitted depends on the other sites' rows alone. Too few events at the other sites:
    `skipped` says so. Raises DataRefusal for a repeated case.
    """
    data, days, everyone = cases.data(), cases.horizons, np.asarray(cases.patients, dtype=str)
    held = np.asarray(sites, dtype=str) == site
    rest = data.take(~held & ~np.isin(everyone, everyone[held])).sorted()
    offered, n_training = cases.offer(rest, settings), int(rest.target.known.sum())
    if offered.reason:
        return SiteHeldOut(site, pd.DataFrame(), n_training, skipped=f"the other sites: {offered.reason}")
    with threadpool_limits(limits=1):
        procedure = fit_procedure(rest, offered.rungs, settings, derive_seed(seed, "site", site))
        there = data.take(held).sorted()
        made = procedure.predict(there.frame, days, there.crops)
    table = out_of_fold_table(there, {CHOSEN: made}, cases.inputs, days)
    return SiteHeldOut(site, table, n_training, procedure)
