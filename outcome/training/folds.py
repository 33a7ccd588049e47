"""Who is held out when: folds that keep a patient together and share the outcome out evenly.

A fold depends on the patients, their outcomes and the seed, never on the order of the rows.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.types import EndpointKind, Target

UNKNOWN = -1
BANDS = 4  # how many bands an amount is cut into for stratifying
Folds = npt.NDArray[np.int64]


def derive_seed(seed: int, *labels: int | str) -> int:
    """A seed for one purpose, in [0, 2**31): different labels give unrelated seeds."""
    text = "/".join(str(part) for part in (seed, *labels))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31


def patient_folds(patients: npt.NDArray[Any], target: Target, folds: int, seed: int) -> Folds:
    """The fold, 0 .. folds-1, in which each case is held out, shape (n,).

    A patient's cases share a fold. Patients with the same outcome (yes/no; event, competing event or censored;
    a quarter of the amounts; unknown) are dealt out one by one, so no two folds differ by more than one patient,
    in number and within each stratum. Raises ValueError for more folds than patients.
    """
    names, member = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if len(names) < folds:
        raise ValueError(f"{folds} folds need as many patients, found {len(names)}")
    stratum = _patient_strata(member, len(names), strata(target))
    lots = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names]
    order = sorted(range(len(names)), key=lambda i: (stratum[i], lots[i]))
    of_patient = np.empty(len(names), dtype=np.int64)
    of_patient[order] = np.arange(len(names)) % folds
    return of_patient[member]


def strata(target: Target) -> npt.NDArray[np.int64]:
    """The stratum of each case, shape (n,); larger is worse or more, -1 where the outcome is unknown."""
    result = np.full(len(target), UNKNOWN, dtype=np.int64)
    known = target.known
    if target.kind is EndpointKind.TIME_TO_EVENT:
        # the event of interest ranks above a competing one, so that a patient with both counts as an event
        result[known] = np.select([target.event[known] == 1, target.event[known] == 2], [2, 1], 0)
    elif target.kind is EndpointKind.BINARY:
        result[known] = target.value[known].astype(np.int64)
    elif known.any():
        cuts = np.quantile(target.value[known], np.arange(1, BANDS) / BANDS)
        result[known] = np.searchsorted(cuts, target.value[known], side="left")
    return result


def _patient_strata(member: npt.NDArray[Any], count: int, stratum: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    worst = np.full(count, UNKNOWN, dtype=np.int64)
    np.maximum.at(worst, member, stratum)
    return worst
