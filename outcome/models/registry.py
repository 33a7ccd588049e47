"""Every algorithm by name, and the one way to fit a model and to read one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logit

from outcome.features.crops import IMAGE_PREFIX
from outcome.models.boosting import BoostedScorer, fit_boosting
from outcome.models.cox import fit_cox
from outcome.models.fine_gray import fit_fine_gray, fit_subdistribution_baseline
from outcome.models.fitted import FittedModel, Scorer
from outcome.models.forest import ForestScorer, fit_forest
from outcome.models.hazard import BaselineHazard, fit_baseline
from outcome.models.inputs import Inputs
from outcome.models.linear import LinearScorer, Params, fit_linear, fit_logistic
from outcome.models.scale import modelled
from outcome.models.stacking import STACKING, StackedScorer
from outcome.models.state import State
from outcome.types import EndpointKind, FloatArray, Target


@dataclass(frozen=True)
class Algorithm:
    """How an algorithm is fitted, and for which kinds of endpoint.

    `fit(matrix, target, params, seed)` of an algorithm that reads tables; `fit(inputs, target, params, seed, device,
    weights, joint, processes)` of one that `reads_images`. `subdistribution`: the score of a time to event is a log
    relative subdistribution hazard (`outcome.models.fine_gray`), else a cause-specific one.
    """

    fit: Callable[..., Scorer]
    kinds: tuple[EndpointKind, ...]
    reads_images: bool = False
    subdistribution: bool = False


def fit_model(
    algorithm: str,
    X: Inputs | FloatArray,
    target: Target,
    params: Params,
    seed: int,
    *,
    device: str = "cpu",
    weights: Path | None = None,
    joint: Sequence[Target] = (),
    processes: int = 1,
) -> FittedModel:
    """A fitted model of this name on n cases, all outcomes known.

    `device` is where networks are trained, `weights` the file that their image encoders begin with, `joint` the
    outcomes (n,) of auxiliary endpoints that a network learns beside, `processes` how many learn it together; other
    algorithms read none of these.

    Where nothing can be learned (one class, no event, an outcome without spread, no columns) the model gives every
    case the same score, and `note` says so. Raises ValueError for an unknown name, a kind that the algorithm is not
    for, or lengths that differ.
    """
    known = ALGORITHMS.get(algorithm)
    if known is None or target.kind not in known.kinds:
        raise ValueError(f"no algorithm {algorithm!r} for {target.kind} endpoints; known: {sorted(ALGORITHMS)}")
    lengths = {len(outcomes) for outcomes in (target, *joint)}
    if lengths != {len(X)}:
        raise ValueError(f"{len(X)} rows and {sorted(lengths)} outcomes")
    inputs = Inputs.of(X)
    note = nothing_to_learn(inputs.matrix, target, images=known.reads_images and _has_images(inputs))
    scorer: Scorer
    if note:
        scorer = constant_scorer(target, inputs.matrix.shape[1])
    elif known.reads_images:
        scorer = known.fit(inputs, target, params, seed, device, weights, joint, processes)
    else:
        scorer = known.fit(inputs.matrix, target, params, seed)
    return FittedModel(algorithm, target.kind, scorer, fit_baseline_of(algorithm, target, scorer, inputs), note)


def fit_baseline_of(algorithm: str, target: Target, scorer: Scorer, X: Inputs) -> BaselineHazard | None:
    """The baseline hazard of this algorithm's scores of n cases; None where the endpoint is no time to an event."""
    if target.kind is not EndpointKind.TIME_TO_EVENT:
        return None  # and scores nobody: a network's cost seconds
    fit = fit_subdistribution_baseline if ALGORITHMS[algorithm].subdistribution else fit_baseline
    return fit(target, scorer.score(X))


def nothing_to_learn(X: FloatArray, target: Target, *, images: bool = False) -> str:
    """Why no algorithm can be fitted, or ""."""
    if X.shape[1] == 0 and not images:
        return "no usable column: every case gets the same score"
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return "" if np.any(target.event == 1) else "no event: every case gets the same score"
    if np.ptp(target.value) == 0:
        return "one outcome in all cases: every case gets the same score"
    return ""


def constant_scorer(target: Target, columns: int) -> LinearScorer:
    """The same score for everyone; a one-class share is taken as (events + 1/2) / (n + 1), so never 0 or 1."""
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return LinearScorer(np.zeros(columns), 0.0)
    if target.kind is EndpointKind.BINARY:
        share = (float(target.value.sum()) + 0.5) / (len(target) + 1)
        return LinearScorer(np.zeros(columns), float(logit(share)))
    return LinearScorer(np.zeros(columns), float(modelled(target).mean()))


def reads_blocks(algorithm: str) -> bool:
    """Whether a model of this name asks which blocks a case has: one that reads images, or a stack of models."""
    return algorithm == STACKING or ALGORITHMS[algorithm].reads_images


def model_from_state(state: State) -> FittedModel:
    """The model that gave this state; predictions are equal to the last bit."""
    numbers = state.numbers
    baseline = None if numbers["baseline"] is None else BaselineHazard.from_json(numbers["baseline"])
    scorer = _scorer_from_state(State(numbers["scorer"], state.arrays))
    return FittedModel(numbers["algorithm"], EndpointKind(numbers["kind"]), scorer, baseline, numbers["note"])


def _scorer_from_state(state: State) -> Scorer:
    return SCORERS[state.numbers["type"]](state)


def _read_stack(state: State) -> Scorer:
    return StackedScorer.from_state(state, _scorer_from_state)


def of_subdistribution(algorithm: str) -> bool:
    """Whether the scores of an algorithm for times to an event are log relative subdistribution hazards."""
    known = ALGORITHMS.get(algorithm)  # a stack is none of them
    return known is not None and known.subdistribution


def _has_images(inputs: Inputs) -> bool:
    return any(rows.any() for name, rows in inputs.present.items() if name.startswith(IMAGE_PREFIX))


def _fit_network(
    inputs: Inputs,
    target: Target,
    params: Params,
    seed: int,
    device: str,
    weights: Path | None,
    joint: Sequence[Target],
    processes: int,
) -> Scorer:
    from outcome.models.network.learning import fit_network  # torch: seconds that only studies with images pay
    from outcome.models.network.seed_ensemble import fit_seeds

    return fit_seeds(
        lambda each: fit_network(inputs, target, params, each, device, weights, joint, processes),
        int(params.get("ensemble", 1)),
        seed,
    )


def _read_network(state: State) -> Scorer:
    from outcome.models.network.model import NetworkScorer  # torch, as above

    return NetworkScorer.from_state(state)


def _read_seeds(state: State) -> Scorer:
    from outcome.models.network.seed_ensemble import SeedEnsembleScorer  # torch, as above

    return SeedEnsembleScorer.from_state(state)


_AMOUNTS = (EndpointKind.DURATION, EndpointKind.ORDINAL, EndpointKind.CONTINUOUS)

ALGORITHMS: dict[str, Algorithm] = {
    "logistic": Algorithm(fit_logistic, (EndpointKind.BINARY,)),  # ridge and elastic net: params penalty, l1_ratio
    "linear": Algorithm(fit_linear, _AMOUNTS),
    "cox": Algorithm(fit_cox, (EndpointKind.TIME_TO_EVENT,)),
    "fine_gray": Algorithm(fit_fine_gray, (EndpointKind.TIME_TO_EVENT,), subdistribution=True),
    "forest": Algorithm(fit_forest, tuple(EndpointKind)),
    "boosting": Algorithm(fit_boosting, tuple(EndpointKind)),
    "network": Algorithm(_fit_network, tuple(EndpointKind), reads_images=True),
}
SCORERS: dict[str, Callable[[State], Scorer]] = {
    "linear": LinearScorer.from_state,
    "forest": ForestScorer.from_state,
    "boosting": BoostedScorer.from_state,
    "network": _read_network,
    "seed_ensemble": _read_seeds,
    STACKING: _read_stack,
}
