"""What a rung's likelihood-ratio test says, in a cell, and what such a test is, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from outcome.report.entries import Json
from outcome.report.evidence_tables import p_text
from outcome.report.numbers import EN_DASH, format_number, is_number
from outcome.report.wording import rung_words

HEADER = "Gain in fit on the development cases"
MEANING = (
    "Gain in fit: likelihood-ratio test of unpenalised regressions on the development cases, each beyond the named one "
    "that is nested in it (χ², degrees of freedom, p). It was fitted to the very outcomes that it explains, whichever "
    "cases this section is about: it says that the added columns carry information, not that risks of new patients get "
    "better, and had no part in the choice. Missing values are filled once and cases taken as independent."
)


def gain_cells(rungs: Sequence[Json]) -> tuple[str, ...]:
    """A cell for each rung of a ladder in metrics.json; none at all where no rung has a test."""
    tests = [rung.get("likelihood_ratio") for rung in rungs]
    return tuple(gain_text(test) for test in tests) if any(tests) else ()


def gain_text(test: Json | None) -> str:
    """ "beyond clinical: χ² 12.31, 3 df, p 0.006", the reason why it is withheld, or a dash."""
    if not test:
        return EN_DASH
    beyond = f"beyond {rung_words(str(test.get('beyond')))}"
    if not is_number(test.get("statistic")):
        return f"{beyond}: withheld: {test.get('withheld') or 'no reason was recorded'}"
    return f"{beyond}: χ² {format_number(test['statistic'], 2)}, {test['df']} df, p {p_text(test['p_value'])}"
