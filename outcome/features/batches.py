"""Harmonisation as one step of preprocessing: which columns of which batches, fitted on training rows alone.

A batch is a site or a scanner (`case:batch` of the features frame). Cases of a batch that was not fitted, or that is
not known, are taken at what the training batches lead to expect: no shift, their usual scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal
from outcome.features.batch_model import Names
from outcome.features.columns import BATCH_COLUMN, FeatureColumn
from outcome.features.harmonise import Harmoniser, fit_harmoniser
from outcome.types import EndpointKind, Target

LEAST_CASES = 5  # a batch with fewer is not fitted: its numbers would be too unsure, and its size a small cell
CONFOUNDED = "every batch holds one outcome only: what the batch does and what the outcome does cannot be told apart"


@dataclass(frozen=True)
class HarmoniseRules:
    """What to harmonise: every numeric column of `blocks`, keeping what `covariates` (feature names) explain."""

    by: str  # what makes a batch, for readers
    blocks: tuple[str, ...] = ("radiomics",)
    covariates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        object.__setattr__(self, "covariates", tuple(self.covariates))
        if not self.by or not self.blocks:
            raise ValueError(f"harmonising needs a batch and a block, found by={self.by!r}, blocks={self.blocks}")

    def touches(self, columns: Sequence[FeatureColumn]) -> tuple[str, ...]:
        """The columns that would be harmonised, in frame order."""
        wanted = (c for c in columns if c.block in self.blocks and c.kind == "numeric")
        return tuple(c.name for c in wanted if c.name not in self.covariates)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "blocks": list(self.blocks), "covariates": list(self.covariates)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HarmoniseRules:
        return cls(**data)


def batch_names(frame: pd.DataFrame) -> Names:
    """Each case's batch, (n,); "" where it is not known or the frame has no such column."""
    if BATCH_COLUMN not in frame.columns:
        return np.full(len(frame), "", dtype=np.str_)
    return np.array([name if isinstance(name, str) else "" for name in frame[BATCH_COLUMN]], dtype=np.str_)


def large_batches(names: Names) -> list[str]:
    """The batches with enough cases to be fitted, sorted."""
    found, counts = np.unique(names[names != ""], return_counts=True)
    return [str(name) for name in found[counts >= LEAST_CASES]]


def fit_batches(
    frame: pd.DataFrame, columns: Sequence[FeatureColumn], rules: HarmoniseRules, target: Target | None = None
) -> tuple[Harmoniser | None, str]:
    """The harmonisation of these rows and "", or None and the reason for which there is none.

    `target` (same rows) is read for one question alone: whether every batch has one outcome.
    """
    names, touched = batch_names(frame), rules.touches(columns)
    large = large_batches(names)
    if not touched:
        return None, f"no column of {', '.join(rules.blocks)} to harmonise"
    if len(large) < 2:
        return None, f"{len(large)} of the batches have {LEAST_CASES} training cases or more; two are needed"
    if target is not None and confounded(names, large, target):
        return None, CONFOUNDED
    rows = np.isin(names, large)
    missing = [name for name in rules.covariates if name not in frame.columns]
    if missing:
        return None, f"covariates are no columns of the features: {', '.join(missing)}"
    try:
        return fit_harmoniser(frame[rows], names[rows].tolist(), touched, rules.covariates), ""
    except DataRefusal as refusal:
        return None, str(refusal).splitlines()[0]


def confounded(names: Names, batches: Sequence[str], target: Target) -> bool:
    """Whether the outcome (yes/no, event or not) varies between these batches and within none of them."""
    if target.kind not in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        return False
    outcome = target.value if target.kind is EndpointKind.BINARY else (target.event == 1).astype(float)
    held = [np.unique(outcome[(names == batch) & target.known]) for batch in batches]
    return all(len(values) <= 1 for values in held) and len(np.unique(np.concatenate(held))) > 1


def harmonised(harmoniser: Harmoniser, frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of the frame with the harmonised columns on the common scale; the batch is read from `case:batch`."""
    return harmoniser.transform_expected(frame, batch_names(frame))


def unknown_batches(harmoniser: Harmoniser, frame: pd.DataFrame) -> int:
    """How many cases are taken at no shift: their batch was not fitted, or is not known."""
    return int(np.sum(~np.isin(batch_names(frame), list(harmoniser.sites))))


def entered(harmoniser: Harmoniser, cases: Mapping[str, pd.DataFrame]) -> Harmoniser:
    """The same with further batches, each from some of its cases without outcomes; batches it knows stay."""
    for batch, rows in cases.items():
        if batch not in harmoniser.sites:
            harmoniser = harmoniser.with_site(batch, rows)
    return harmoniser
