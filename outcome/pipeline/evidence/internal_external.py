"""How good is the procedure at a hospital that it did not learn from? Each site by the model of the other sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from outcome.evaluation.kinds import KINDS
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.evaluation.subgroups.suppression import SUPPRESSED
from outcome.evaluation.summary import measure
from outcome.pipeline.evidence.model_entry import crossed_groups
from outcome.pipeline.evidence.scene import CHOSEN, ModelCases, Predicted
from outcome.pipeline.evidence.sites import SITE, SiteRows, pooled_part, site_rows
from outcome.pipeline.internal_external import TABLE, site_facts
from outcome.store import read_parquet
from outcome.types import BoolArray, Estimate, FloatArray

HELD_OUT = (
    "Each site held out once: the whole procedure was fitted to the cases of the other sites, so these numbers speak "
    "of the procedure at a site that it did not learn from, not of the one model that was kept"
)
MASKS = "masks were drawn by networks that learned from all sites"
NO_MODEL = "there is no model without this site"
FAILED = "training without this site failed"


def internal_external(model: ModelCases) -> dict[str, Any]:
    """`internal_external` of a model's entry in metrics.json: sites as in `sites`, each by the others' model.

    {} for other than development cases, and where the study did not ask for it.
    """
    folder = model.scene.run.store.stage("train") if model.cases.partition.is_development else None
    facts = None if folder is None else site_facts(folder)
    if folder is None or facts is None:
        return {}
    table = read_parquet(folder / TABLE)
    unit = facts.get(f"{model.cases.name}.{model.inputs}", {})
    rows = table[
        (table["endpoint"] == model.cases.name) & (table["inputs"] == model.inputs) & (table["rung"] == CHOSEN)
    ]
    found = _measured(model, Predicted.of(rows, model.cases.ids, model.cases.horizons), unit)
    told = [{**row, **_fact(unit, row, model.target.n_events is not None)} for row in found.to_json()]
    part = pooled_part(found, model.target.kind)
    return {"internal_external": {"rows": told, **part, "words": f"{_preface(model)}. {part['words']}"}}


def _measured(model: ModelCases, predicted: Predicted, facts: Mapping[str, Any]) -> SiteRows:
    """Metrics by site under the suppression of all known cases, whether or not their site has a model."""
    chosen = model.chosen
    settings = Settings(chosen.horizon, None, curve_errors=False)
    everyone = checked_sample(model.target, chosen.first_risk, chosen.score, settings)
    known = model.target.known
    risk, score, sites = predicted.first_risk[known], predicted.score[known], model.cases.groups[SITE][known]
    names = KINDS[model.target.kind].names(everyone)

    def one(members: BoolArray) -> dict[str, Estimate]:
        if not np.isfinite(score[members]).all():
            reason = facts.get(str(sites[members][0]), {}).get("skipped") or NO_MODEL
            return {name: Estimate.withhold(reason, n=int(members.sum())) for name in names}
        return dict(measure(_sample(everyone, members, risk, score)))

    return site_rows(everyone, model.cases, crossed_groups(model.cases), one)


def _sample(everyone: Sample, members: BoolArray, risk: FloatArray, score: FloatArray) -> Sample:
    return checked_sample(everyone.target.take(members), risk[members], score[members], everyone.settings)


def _fact(facts: Mapping[str, Any], row: Mapping[str, Any], counted: bool) -> dict[str, Any]:
    """How many cases of other sites the model learned from, and its rung.

    Both counts follow from those of this site where the totals are known, and are hidden with them.
    """
    if row["n"] is None or (counted and row["n_events"] is None):
        return {"n_training": None, "rung": None, "skipped": SUPPRESSED}
    told = facts.get(row["site"], {"n_training": None, "rung": None, "skipped": FAILED})
    return {"n_training": told["n_training"], "rung": told["rung"], "skipped": told["skipped"]}


def _preface(model: ModelCases) -> str:
    segmenter = model.scene.run.study.segmenter
    learned = segmenter is not None and not segmenter.only_keeps
    return f"{HELD_OUT}; {MASKS}" if learned else HELD_OUT
