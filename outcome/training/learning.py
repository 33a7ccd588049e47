"""Preprocessing and model of one rung, learned on given rows and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcome.features.columns import FeatureColumn
from outcome.features.imputed import imputed
from outcome.features.preprocess import Preprocessor, fit_preprocessor
from outcome.models.fitted import FittedModel
from outcome.models.hazard import fit_baseline
from outcome.models.inputs import Inputs
from outcome.models.pooled import POOLED, fit_pooled
from outcome.models.registry import fit_model, nothing_to_learn
from outcome.models.stacking import STACKING, Base, StackedScorer, Weights, has_any
from outcome.training.data import TrainingData
from outcome.training.folds import derive_seed
from outcome.training.rungs import Params, Rung
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, FloatArray

Learned = tuple[Preprocessor, FittedModel]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Training rows as a rung's models read them: the fitted preprocessing, and these rows through it.

    `drawn`: the matrix of these rows as each imputation completes it; empty where missing values take single ones.
    """

    preprocessor: Preprocessor
    inputs: Inputs
    drawn: tuple[FloatArray, ...] = ()

    def fit(
        self, algorithm: str, data: TrainingData, params: Params, settings: TrainingSettings, seed: int
    ) -> FittedModel:
        """A model of these rows, whose outcomes stand in `data`."""
        if self.drawn:
            return fit_pooled(algorithm, self.inputs, self.drawn, data.target, params, seed)
        return fit_model(
            algorithm, self.inputs, data.target, params, seed, device=settings.device, weights=settings.encoder_weights,
            joint=data.joint, processes=settings.processes,
        )  # fmt: skip


def imputes(rung: Rung, settings: TrainingSettings) -> bool:
    """Whether several imputations stand behind a rung: regressions alone."""
    return settings.imputations is not None and rung.algorithm in POOLED


def prepare(
    data: TrainingData, rung: Rung, columns: Sequence[FeatureColumn], settings: TrainingSettings, seed: int
) -> Prepared:
    """The preprocessing of a rung that reads these columns, imputations included, learned on these rows alone."""
    preprocessor, drawn = rung_preprocessor(data, rung, columns, settings), tuple[FloatArray, ...]()
    if settings.imputations is not None and imputes(rung, settings):
        preprocessor, drawn = imputed(preprocessor, data.frame, settings.imputations, derive_seed(seed, "imputation"))
    return Prepared(preprocessor, data.inputs(rung.algorithm, preprocessor), drawn)


def rung_preprocessor(
    data: TrainingData, rung: Rung, columns: Sequence[FeatureColumn], settings: TrainingSettings
) -> Preprocessor:
    """The preprocessing of one rung with a single value for what is missing, learned on these rows and no others."""
    rules = replace(settings.rules, top_k=rung.top_k)
    harmonise = settings.harmonise if rung.harmonised else None
    return fit_preprocessor(data.frame, columns, rules, data.target, harmonise)


def learn(
    data: TrainingData,
    rung: Rung,
    columns: Sequence[FeatureColumn],
    params: Params,
    settings: TrainingSettings,
    seed: int,
) -> Learned:
    """Preprocessing and model of a rung that reads these columns, learned on these rows."""
    prepared = prepare(data, rung, columns, settings, seed)
    return prepared.preprocessor, prepared.fit(rung.algorithm, data, params, settings, seed)


def learn_stack(
    data: TrainingData,
    rung: Rung,
    columns: Sequence[FeatureColumn],
    weights: Weights,
    settings: TrainingSettings,
    seed: int,
) -> Learned:
    """A stack with given weights: each base, whose grid holds one entry, is learned on these rows.

    The bases' preprocessings stand side by side in one, since no two bases read the same block. What is missing takes
    single values.
    """
    settings = replace(settings, imputations=None)
    parts = [learn(data, base, base.pick(columns), base.grid[0], settings, seed) for base in rung.bases]
    fitted = [preprocessor for preprocessor, _ in parts]
    joint = Preprocessor(
        tuple(column for one in fitted for column in one.columns),
        tuple(output for one in fitted for output in one.outputs),
        tuple(row for one in fitted for row in one.dropped),
    )
    inputs = data.inputs(STACKING, joint)
    bases = tuple(
        Base.of(base.name, base.blocks, model.score(data.inputs(STACKING, one)), has_any(inputs, base.blocks))
        for base, (one, model) in zip(rung.bases, parts, strict=True)
    )
    scorer = StackedScorer(bases, tuple(model.scorer for _, model in parts), weights)
    timed = data.target.kind is EndpointKind.TIME_TO_EVENT
    baseline = fit_baseline(data.target, scorer.score(inputs)) if timed else None
    note = nothing_to_learn(inputs.matrix, data.target, images=True)
    return joint, FittedModel(STACKING, data.target.kind, scorer, baseline, note)
