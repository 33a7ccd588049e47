"""Studies made small: the smallest dictionary there is, and a study file with fewer endpoints."""

from __future__ import annotations

import re
from pathlib import Path

from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind

PRE, AFTER = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
DICTIONARY = DataDictionary(
    (
        Variable("case_id", VariableKind.TEXT, "Case", availability=PRE, roles=frozenset({Role.IDENTIFIER})),
        Variable("age", VariableKind.NUMERIC, "Age", "years", availability=PRE, roles=frozenset({Role.PREDICTOR})),
        Variable("died", VariableKind.BOOLEAN, "Died", availability=AFTER, roles=frozenset({Role.ENDPOINT})),
    )
)


def keep_endpoints(study: Path, *kept: str) -> Path:
    """Take all other endpoints out of a synthetic study's file."""
    before, section, after = re.split(r"^(?=endpoints:|partitions:)", study.read_text(encoding="utf-8"), flags=re.M)
    head, *endpoints = re.split(r"^(?=  \w+:\n)", section, flags=re.M)
    chosen = [each for each in endpoints if each.partition(":")[0].strip() in kept]
    assert len(chosen) == len(kept)
    study.write_text("".join([before, head, *chosen]).rstrip() + "\n\n" + after, encoding="utf-8")
    return study
