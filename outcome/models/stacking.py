"""Late fusion: a weighted mean of the scores of several models, each of which reads blocks of its own.

Every model's score is put on mean 0 and standard deviation 1 over the cases that the model learned from, so that the
same model of more or fewer cases speaks on one scale. A case that lacks all blocks of a model takes that mean, which
adds nothing. Weights are not negative and sum to 1 (or all are 0): those of  mean loss + penalty / 2 * |w|^2  with
w >= 0 and the level free, divided by their sum; how far apart risks lie is left to calibration. They are learned from
scores of cases that the models had not seen, see `outcome.training.stacking`.

Breiman 1996, doi:10.1007/BF00117832 (non-negative weights); van der Laan, Polley & Hubbard 2007,
doi:10.2202/1544-6115.1309 (weights that sum to 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize

from outcome.models.cox import PartialLikelihood
from outcome.models.fitted import Scorer
from outcome.models.inputs import Inputs
from outcome.models.linear import LogLoss
from outcome.models.newton import Loss
from outcome.models.scale import modelled
from outcome.models.state import State
from outcome.types import BoolArray, EndpointKind, FloatArray, Target

STACKING = "stacking"
LEAST_WEIGHT = 1e-6  # a sum below it is rounding


@dataclass(frozen=True)
class Base:
    """One model of a stack: the blocks it reads, and the mean and sd of its scores over the cases it learned from."""

    name: str
    blocks: tuple[str, ...]
    centre: float
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre) and 0 < self.scale < np.inf):
            raise ValueError(f"scores of {self.name} have a finite centre and a scale above 0")

    @classmethod
    def of(cls, name: str, blocks: Sequence[str], scores: FloatArray, present: BoolArray) -> Base:
        """From its scores of these cases (n,), of which only those with any of its blocks count."""
        seen = scores[present]
        if not len(seen):
            return cls(name, tuple(blocks), 0.0, 1.0)
        centre, spread = float(seen.mean()), float(seen.std())
        return cls(name, tuple(blocks), centre, spread if spread > 1e-12 * max(1.0, abs(centre)) else 1.0)

    def standardised(self, scores: FloatArray, present: BoolArray) -> FloatArray:
        """Its scores (n,) in its own sd from its own mean; 0 for cases without its blocks."""
        return np.where(present, (scores - self.centre) / self.scale, 0.0)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "blocks": list(self.blocks)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Base:
        return cls(**{**data, "blocks": tuple(data["blocks"])})


@dataclass(frozen=True, eq=False)
class Weights:
    """score = level + unit * sum of weight (k,) times standardised score; level and unit are those of the outcome."""

    weight: FloatArray
    level: float
    unit: float

    def combine(self, z: FloatArray) -> FloatArray:
        """The score (n,) of standardised scores (n, k)."""
        return self.level + self.unit * np.sum(z * self.weight, axis=1)

    def to_json(self) -> dict[str, Any]:
        return {"weight": self.weight.tolist(), "level": self.level, "unit": self.unit}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Weights:
        return cls(np.array(data["weight"], dtype=float), float(data["level"]), float(data["unit"]))


@dataclass(frozen=True, eq=False)
class StackedScorer:
    """Several models and the weights of their scores."""

    bases: tuple[Base, ...]
    scorers: tuple[Scorer, ...]
    weights: Weights

    def __post_init__(self) -> None:
        told = np.append(self.weights.weight, [self.weights.level, self.weights.unit])
        if self.weights.weight.shape != (len(self.bases),) or not np.isfinite(told).all():
            raise ValueError(f"{len(self.bases)} models with weights of shape {self.weights.weight.shape}")

    def score(self, X: Inputs) -> FloatArray:
        """The weighted mean in the outcome's unit, shape (n,); higher is riskier or larger."""
        return self.weights.combine(self.standardised(X))

    def standardised(self, X: Inputs) -> FloatArray:
        """Each model's standardised score (n, k), 0 where a case lacks all its blocks."""
        columns = [
            base.standardised(scorer.score(limited(X, base.blocks)), has_any(X, base.blocks))
            for base, scorer in zip(self.bases, self.scorers, strict=True)
        ]
        return np.column_stack(columns)

    def to_state(self) -> State:
        parts = [scorer.to_state() for scorer in self.scorers]
        arrays = {name: array for i, part in enumerate(parts) for name, array in part.under(str(i)).items()}
        bases = [{**base.to_json(), "scorer": dict(part.numbers)} for base, part in zip(self.bases, parts, strict=True)]
        return State({"type": STACKING, "weights": self.weights.to_json(), "bases": bases}, arrays)

    @classmethod
    def from_state(cls, state: State, read: Callable[[State], Scorer]) -> StackedScorer:
        """`read` makes a model's scorer of its state."""
        told = [dict(base) for base in state.numbers["bases"]]
        scorers = tuple(read(state.part(base.pop("scorer"), str(i))) for i, base in enumerate(told))
        return cls(tuple(Base.from_json(base) for base in told), scorers, Weights.from_json(state.numbers["weights"]))


def fit_weights(z: FloatArray, target: Target, penalty: float) -> FloatArray:
    """Weights (k,) of standardised scores (n, k), summing to 1; all 0 where no score ranks the right way.

    All outcomes known and not all alike. Logistic loss for yes/no, Cox's partial likelihood for a time to event,
    squared error on the modelling scale in units of its variance for amounts. `penalty` is positive.
    """
    loss, start = _loss_of(z, target)
    weight = _least(loss, start, penalty, z.shape[1])
    total = float(weight.sum())
    return weight / total if total > LEAST_WEIGHT else np.zeros(z.shape[1])


def has_any(X: Inputs, blocks: Sequence[str]) -> BoolArray:
    """(n,): which cases have anything of these blocks; all where nothing is told of them."""
    told = [X.present[block] for block in blocks if block in X.present]
    return np.any(told, axis=0) if told else np.ones(len(X), dtype=bool)


def limited(X: Inputs, blocks: Sequence[str]) -> Inputs:
    """The same cases with some blocks only."""
    columns = [j for j, block in enumerate(X.blocks) if block in blocks]
    present = {block: rows for block, rows in X.present.items() if block in blocks}
    kept, groups = (tuple(names[j] for j in columns if names) for names in (X.blocks, X.groups))
    return Inputs(X.matrix[:, columns], kept, present, X.case_ids, X.crops, groups)


@dataclass(frozen=True, eq=False)
class _SquaredError:
    """Half the mean squared error of y (n,); the last coordinate is the level."""

    X: FloatArray  # (n, k)
    y: FloatArray
    has_level: ClassVar[bool] = True

    def loss(self, b: FloatArray) -> float:
        return float(np.mean((self.X @ b[:-1] + b[-1] - self.y) ** 2) / 2)

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (k + 1,) and Hessian (k + 1, k + 1) of the loss."""
        columns = np.column_stack([self.X, np.ones(len(self.X))])
        return columns.T @ (columns @ b - self.y) / len(self.y), columns.T @ columns / len(self.y)


def _loss_of(z: FloatArray, target: Target) -> tuple[Loss, FloatArray]:
    """The loss of standardised scores (n, k), and where to start."""
    nothing = np.zeros(z.shape[1])
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return PartialLikelihood.of(z, target), nothing
    if target.kind is EndpointKind.BINARY:
        share = float(target.value.mean())
        return LogLoss(z, target.value), np.append(nothing, np.log(share / (1 - share)))
    y = modelled(target)
    return _SquaredError(z, (y - y.mean()) / y.std()), np.append(nothing, 0.0)


def _least(loss: Loss, start: FloatArray, penalty: float, k: int) -> FloatArray:
    """The weights (k,) of least penalised loss, none of them negative."""

    def objective(b: FloatArray) -> tuple[float, FloatArray]:
        gradient = loss.derivatives(b)[0].copy()
        gradient[:k] += penalty * b[:k]
        return loss.loss(b) + penalty / 2 * float(np.sum(b[:k] ** 2)), gradient

    bounds = [(0.0, None)] * k + [(None, None)] * (len(start) - k)
    options = {"maxiter": 500, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x[:k], dtype=float)
