"""Every published score that is computed from the record, by the name that a study file uses."""

from __future__ import annotations

from collections.abc import Mapping

from outcome.dictionary.nearest import nearest
from outcome.errors import ConfigRefusal
from outcome.scores.asa import ASA
from outcome.scores.charlson import CHARLSON, CHARLSON_AGE
from outcome.scores.definition import ScoreDefinition
from outcome.scores.elixhauser import ELIXHAUSER, ELIXHAUSER_VAN_WALRAVEN
from outcome.scores.frailty import MFI5
from outcome.scores.rcri import RCRI


def score_named(name: str) -> ScoreDefinition:
    """The score of that name. Raises ConfigRefusal, with the nearest name, where there is none."""
    if name not in SCORES:
        raise ConfigRefusal(f"no score is called {name!r}", expected=nearest(name, SCORES), next_step="docs/scores.md")
    return SCORES[name]


SCORES: Mapping[str, ScoreDefinition] = {
    score.name: score for score in (CHARLSON, CHARLSON_AGE, ELIXHAUSER, ELIXHAUSER_VAN_WALRAVEN, ASA, RCRI, MFI5)
}
