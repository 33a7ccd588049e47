"""Why one case got its estimate: the inputs that moved the chosen model, and where a network looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from outcome.errors import DataRefusal
from outcome.explain.heat import HeatMap
from outcome.explain.heat_measures import share_inside
from outcome.explain.map_check import MapCheck
from outcome.explain.map_checks import has_images, looking_rung, sequences_of, told_checks
from outcome.explain.players import Game, Population, game_of
from outcome.explain.shapley import Contributions, linear_contributions, shapley_contributions
from outcome.features.crops import IMAGE_PREFIX, NO_CROPS, Crops
from outcome.models.inputs import Inputs, model_inputs
from outcome.models.linear import LinearScorer
from outcome.training.procedure import RungFit
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind, FloatArray

SEED = 7
_HALF = 0.5  # of a voxel
EVALUATIONS = {False: 2000, True: 200}  # a network reads its image anew each time, a table costs nothing
NOT_CHOSEN = "The network that reads the image was not chosen; this shows where it looks."
NO_FILTERS = (
    "There is no map of where the network looks: its learned filters gained nothing on cases set aside and are unused. "
    "What it reads of the image are numbers measured in each region."
)
UNCHECKED = "Whether this map shows what was learned was not checked when the model was trained."
FAILED = (
    "There is no map of where the network looks ({images}): in a check when the model was trained it looked like that "
    "of a network that had learned nothing, or what it showed as hot mattered no more than the rest."
)
NOTHING_RAISES = "There is no map of where the network looks: nothing it found in this image raises its score."


@dataclass(frozen=True, eq=False)
class Explanation:
    """What moved one case's estimate, on the scale of the model's calibrated score (log odds, log hazard, value).

    `heat` maps a sequence to where a network looked in it; empty where none found anything that raises the score.
    `note` says whose heat it is where that is not the chosen model, or why a network that reads images has none.
    """

    model_name: str
    kind: EndpointKind
    contributions: Contributions
    horizons_days: tuple[float, ...]
    average: tuple[float, ...]  # what the model gives the average development case: a risk by horizon, or one value
    own: tuple[float, ...]  # what it gives this case
    heat: Mapping[str, HeatMap] = field(default_factory=dict)
    note: str = ""


def explain_unit(
    unit: TrainedUnit,
    frame: pd.DataFrame,
    population: Population,
    *,
    crops: Crops = NO_CROPS,
    places: Mapping[str, FloatArray] | None = None,
    regions: Sequence[str] = (),
) -> Explanation:
    """The explanation of the chosen rung for the one case of a features frame (index case_id).

    `places` says for each sequence where its crop lies, index to RAS mm, (4, 4); without it there is no heat. `regions`
    names the mask channels of crops.

    Raises DataRefusal where the unit has no model, the frame holds another number of cases, or contributions do not
    add up to the score.
    """
    if unit.procedure is None:
        raise DataRefusal(f"there is no model for {unit.endpoint}", found=unit.skipped or "", next_step="none")
    if len(frame) != 1:
        raise DataRefusal("one case is explained at a time", expected="one row", found=f"{len(frame)} rows")
    chosen = unit.procedure.chosen
    game = game_of(chosen.preprocessor, frame, population, crops)
    contributions = _contributions(chosen, game)
    looking = looking_rung(unit)
    checks = _checks(unit)
    trusted = [name for name, check in checks.items() if check.passed] if checks is not None else None
    heat = _heat(looking, frame, crops, places, trusted, regions) if looking is not None and places else {}
    note = _note(looking, chosen, heat, checks) if looking is not None and places else ""
    average, own = (_risks(chosen, side, unit.horizons_days) for side in (game.reference, game.case))
    return Explanation(chosen.rung.name, unit.kind, contributions, unit.horizons_days, average, own, heat, note)


def _checks(unit: TrainedUnit) -> dict[str, MapCheck] | None:
    """What training found of the heat maps, None where it never asked."""
    try:
        return told_checks(unit.ladder) or None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataRefusal(f"the checks of heat maps of {unit.endpoint} cannot be read", found=str(error)) from error


def _note(looking: RungFit, chosen: RungFit, heat: Mapping[str, HeatMap], checks: Mapping[str, MapCheck] | None) -> str:
    if heat:
        whose = "" if looking is chosen else NOT_CHOSEN
        return " ".join(part for part in (whose, "" if checks is not None else UNCHECKED) if part)
    scorer: Any = looking.model.scorer
    if not scorer.uses_filters:
        return NO_FILTERS
    failed = [name for name, check in (checks or {}).items() if not check.passed]
    return FAILED.format(images=", ".join(failed)) if failed else NOTHING_RAISES


def _risks(fit: RungFit, inputs: Inputs, horizons_days: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(risk) for risk in fit.calibrator.risk(fit.model.score(inputs), horizons_days)[0])


def _contributions(fit: RungFit, game: Game) -> Contributions:
    """Contributions to the calibrated score, which is what the shown risk is made of."""

    def score(inputs: Inputs) -> FloatArray:
        return fit.calibrator.ranking(fit.model.score(inputs))

    scorer = fit.model.scorer
    if isinstance(scorer, LinearScorer):
        return linear_contributions(game, fit.calibrator.slope * scorer.coefficients, score)
    return shapley_contributions(game, score, seed=SEED, evaluations=EVALUATIONS[has_images(fit)])


def _heat(
    fit: RungFit,
    frame: pd.DataFrame,
    crops: Crops,
    places: Mapping[str, FloatArray],
    trusted: Sequence[str] | None,
    regions: Sequence[str],
) -> dict[str, HeatMap]:
    """Heat by sequence; of those `trusted` alone, where that is known."""
    from outcome.explain.gradcam import heat_map  # torch and captum: only where there is a network

    inputs = model_inputs(fit.preprocessor, frame, crops)
    scorer: Any = fit.model.scorer
    found: dict[str, HeatMap] = {}
    for sequence in sequences_of(fit):
        asked = sequence in places and (trusted is None or sequence in trusted)
        there = inputs.present[f"{IMAGE_PREFIX}{sequence}"][0]
        values = heat_map(scorer, inputs, sequence) if asked and there else None
        crop = inputs.crops.get(inputs.case_ids[0], sequence)
        if values is not None and crop is not None:
            shares = {name: share_inside(values, crop[i] > _HALF) for i, name in enumerate(regions, start=1)}
            found[sequence] = HeatMap(values, places[sequence], shares)
    return found
