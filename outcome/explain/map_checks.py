"""The heat maps of a trained unit: whose they are, and whether they passed when it was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from outcome.explain.map_check import MapCheck
from outcome.features.columns import IMAGE
from outcome.features.crops import IMAGE_PREFIX
from outcome.models.inputs import Inputs
from outcome.training.data import TrainingData
from outcome.training.procedure import RungFit, refit
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit

KEY = "heat_maps"  # of a unit's ladder
NO_HEAT = MapCheck(0, None, None)


def has_images(fit: RungFit) -> bool:
    """Whether images are among what it reads, by itself or by a model that it weighs."""
    return any(column.kind == IMAGE for column in fit.preprocessor.columns)


def looking_rung(unit: TrainedUnit) -> RungFit | None:
    """The rung whose network looks at images: the chosen one, else the least simple one that does.

    A network that could not be fitted gives a constant and looks at nothing.
    """
    order = [*([unit.procedure.chosen] if unit.procedure else []), *reversed(unit.rungs)]
    return next((fit for fit in order if has_images(fit) and hasattr(fit.model.scorer, "cam_layers")), None)


def sequences_of(fit: RungFit) -> list[str]:
    """The sequences that a rung reads."""
    blocks = dict.fromkeys(column.block for column in fit.preprocessor.columns if column.kind == IMAGE)
    return [block.removeprefix(IMAGE_PREFIX) for block in blocks]


def check_unit_maps(
    unit: TrainedUnit, data: TrainingData, settings: TrainingSettings, seed: int, regions: Sequence[str] = ()
) -> TrainedUnit:
    """The unit, with the checks of its network's heat maps in its ladder (KEY); as it is where no network looks.

    `data` are the cases that it was trained on; on their outcomes, shuffled, the network is fitted once more. `regions`
    names the crops' mask channels.
    """
    looking = looking_rung(unit)
    if looking is None:
        return unit
    scorer: Any = looking.model.scorer
    made = _checks(looking, data.known(), settings, seed, regions) if scorer.uses_filters else {}
    checks = {name: made.get(name, NO_HEAT).to_json() for name in sequences_of(looking)}
    return replace(unit, ladder={**unit.ladder, KEY: {"rung": looking.rung.name, "sequences": checks}})


def _checks(
    looking: RungFit, data: TrainingData, settings: TrainingSettings, seed: int, regions: Sequence[str]
) -> dict[str, MapCheck]:
    from outcome.explain.sanity import check_maps  # torch: only where there is a network

    rng = np.random.default_rng(seed)
    dealt = rng.permutation(len(data))
    joint = tuple(target.take(dealt) for target in data.joint)
    shuffled = refit(looking, replace(data, target=data.target.take(dealt), joint=joint), settings, seed)
    drawn = data.take(rng.permutation(len(data)))
    (network, inputs), other = _asked(looking, drawn), _asked(shuffled, drawn)
    known = other if hasattr(other[0], "cam_layers") else None  # one that could not be fitted looks at nothing
    return {
        name: check_maps(network, inputs, name, known, regions=regions, seed=seed) for name in sequences_of(looking)
    }


def _asked(fit: RungFit, data: TrainingData) -> tuple[Any, Inputs]:
    """A rung's network, and the cases as it reads them."""
    return fit.model.scorer, data.inputs(fit.rung.algorithm, fit.preprocessor)


def told_checks(ladder: Mapping[str, Any]) -> dict[str, MapCheck]:
    """The checks by sequence that a unit's ladder tells; none where it was trained by an earlier version.

    Raises ValueError, KeyError, TypeError or AttributeError for what `check_unit_maps` does not write.
    """
    return {str(name): MapCheck.from_json(told) for name, told in ladder.get(KEY, {}).get("sequences", {}).items()}
