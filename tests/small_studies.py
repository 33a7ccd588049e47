"""The dictionary of the smallest study there is: who, how old, and whether they died."""

from __future__ import annotations

from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind

PRE, AFTER = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
DICTIONARY = DataDictionary(
    (
        Variable("case_id", VariableKind.TEXT, "Case", availability=PRE, roles=frozenset({Role.IDENTIFIER})),
        Variable("age", VariableKind.NUMERIC, "Age", "years", availability=PRE, roles=frozenset({Role.PREDICTOR})),
        Variable("died", VariableKind.BOOLEAN, "Died", availability=AFTER, roles=frozenset({Role.ENDPOINT})),
    )
)
