"""Does harmonisation help: within the training sites, and at a new site that enters with k cases without outcomes?

Simulated: 30 measurements of two training sites of 150 cases and a new one of 250; six carry the outcome. `scanner`:
sites measure like patients with shifts of `strength` standard deviations and scales of exp(N(0, strength / 4)).
`patients`: scanners are alike and the predictive measurements truly differ between sites by `strength`, which is what
harmonisation cannot know. All of a rung as training has it: inner search, calibration, outer folds; the new site is
measured on its last 200 cases.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from outcome.evaluation.discrimination.roc import auroc
from outcome.features.batches import HarmoniseRules
from outcome.features.columns import BATCH, BATCH_COLUMN, FeatureColumn
from outcome.training.data import TrainingData
from outcome.training.folds import patient_folds
from outcome.training.ladder import outer_score
from outcome.training.nested import cross_fit
from outcome.training.procedure import FittedProcedure, fit_procedure
from outcome.training.rungs import HARMONISED, Rung
from outcome.training.settings import TrainingSettings
from outcome.types import FloatArray, Target

NAMES = tuple(f"radiomics:r.f{i:02d}" for i in range(30))
EFFECTS = np.array([0.8, -0.7, 0.6, 0.5, -0.4, 0.4] + [0.0] * 24)
COLUMNS = (
    *(FeatureColumn(name, "radiomics", "numeric", "preoperative") for name in NAMES),
    FeatureColumn(BATCH_COLUMN, "case", BATCH, "preoperative", label="site"),
)
SIZES = {"a": 150, "b": 150, "new": 250}
ENTERING = (5, 20, 50)
SETTINGS = TrainingSettings(outer_folds=5, inner_folds=3, harmonise=HarmoniseRules("site"))
PLAIN = Rung("ridge", "logistic", ({"penalty": 0.3}, {"penalty": 0.03}), 0, ("radiomics",))
RUNGS = (PLAIN, replace(PLAIN, name=f"ridge{HARMONISED}", complexity=0.5, harmonised=True))
SCENARIOS = (
    ("scanner", 0.0),
    ("scanner", 0.5),
    ("scanner", 1.0),
    ("scanner", 2.0),
    ("patients", 0.5),
    ("patients", 1.0),
)


@dataclass(frozen=True)
class Site:
    """One site's cases: features, and outcomes that only training and the comparison read."""

    frame: pd.DataFrame
    outcome: FloatArray


def simulated(kind: str, strength: float, seed: int) -> dict[str, Site]:
    """The sites, by name; everything is drawn from the seed."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, n in SIZES.items():
        place, scale = rng.normal(size=len(NAMES)), np.exp(rng.normal(0, 0.25, len(NAMES)))
        differ = strength * rng.choice([-1, 1]) * np.sign(EFFECTS) if kind == "patients" else 0.0
        pure = rng.normal(size=(n, len(NAMES))) + differ
        outcome = (rng.random(n) < expit(pure @ EFFECTS - 0.4)).astype(float)
        shown = pure * scale**strength + strength * place if kind == "scanner" else pure
        frame = pd.DataFrame(shown, columns=list(NAMES), index=[f"{name}{i:03d}" for i in range(n)])
        made[name] = Site(frame.assign(**{BATCH_COLUMN: name}), outcome)
    return made


def measured(kind: str, strength: float, seed: int) -> dict[str, float]:
    """AUC inside (mean of outer folds), AUC and expected less observed share at the new site, for each way."""
    sites = simulated(kind, strength, seed)
    frame = pd.concat([sites["a"].frame, sites["b"].frame])
    target = Target.binary("e", np.concatenate([sites["a"].outcome, sites["b"].outcome]))
    data = TrainingData(frame, COLUMNS, target, frame.index.to_numpy(dtype=str))
    folds = patient_folds(data.patients, target, SETTINGS.outer_folds, seed)
    crossed = cross_fit(data, RUNGS, SETTINGS, seed, folds=folds)
    found = {f"in {n}": outer_score(data, p.score, folds) or np.nan for n, p in crossed.predictions.items()}
    procedure = fit_procedure(data, RUNGS, SETTINGS, seed)
    found["chosen harmonised"] = float(procedure.chosen.rung.harmonised)
    ways = {"nothing": (procedure, 0), "k 0": (procedure, 1)}
    for k in ENTERING:
        ways[f"k {k}"] = (procedure.entered({"new": sites["new"].frame.iloc[:k]}), 1)
    for way, (fitted, rung) in ways.items():
        found |= _at_new_site(fitted, rung, sites["new"], way)
    return found


def _at_new_site(fitted: FittedProcedure, rung: int, new: Site, way: str) -> dict[str, float]:
    held = slice(max(ENTERING), None)
    made = fitted.rungs[rung].predict(new.frame.iloc[held])
    y = new.outcome[held]
    return {
        f"auc {way}": auroc(y, made.score),
        f"off {way}": abs(float(made.risk.mean() - y.mean())),
        f"brier {way}": float(np.mean((made.risk[:, 0] - y) ** 2)),
    }


def table(seeds: int) -> str:
    """Means over seeds with their standard deviation, as Markdown."""
    ways = ("nothing", "k 0", *(f"k {k}" for k in ENTERING))
    words = ("nothing", "ComBat, not entered", *(f"ComBat, k = {k}" for k in ENTERING))
    parts = [
        "| site effect | chosen harmonised | within: nothing | within: ComBat | paired difference |",
        "|" + "---|" * 5,
    ]
    outside = {name: [f"| site effect | {' | '.join(words)} |", "|" + "---|" * 6] for name in ("auc", "off", "brier")}
    for kind, strength in SCENARIOS:
        rows = pd.DataFrame([measured(kind, strength, seed) for seed in range(seeds)])
        gained = rows[f"in ridge{HARMONISED}"] - rows["in ridge"]
        inside = [_words(rows["in ridge"]), _words(rows[f"in ridge{HARMONISED}"]), _words(gained, signed=True)]
        share = f"{int(rows['chosen harmonised'].sum())} of {seeds}"
        parts.append(f"| {kind} {strength:g} | {share} | {' | '.join(inside)} |")
        for name, lines in outside.items():
            lines.append(f"| {kind} {strength:g} | {' | '.join(_words(rows[f'{name} {way}']) for way in ways)} |")
    titles = {
        "auc": "AUC at the new site",
        "off": "How far the mean risk lies off the observed share at the new site",
        "brier": "Brier score at the new site (lower is better)",
    }
    blocks = ["### AUC within the training sites (outer folds)\n\n" + "\n".join(parts)]
    blocks += [f"### {titles[name]}\n\n" + "\n".join(lines) for name, lines in outside.items()]
    return "\n\n".join(blocks)


def _words(values: pd.Series, *, signed: bool = False) -> str:
    return f"{values.mean():{'+' if signed else ''}.3f} ({values.std(ddof=1):.3f})"


if __name__ == "__main__":
    with threadpool_limits(limits=1):  # as training; many small products are slower on several threads
        print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
