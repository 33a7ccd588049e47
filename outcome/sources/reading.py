"""What reading a table gives: the frame, and what the reader noticed on its way."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from outcome.types import Finding


@dataclass(frozen=True, eq=False)
class Reading:
    """One row a case, its columns perhaps compact (`sources.compact`).

    Findings carry counts and ids, never a patient's value.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...] = ()
