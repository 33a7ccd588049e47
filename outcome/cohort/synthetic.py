"""A made-up surgical record with a known mechanism: for demos and tests, never a stand-in for patients.

The mechanism is `synthetic_risk`. The record holds a noisy diameter, genes for three patients in four, and gaps; the
images hold the tumour's volume, shape, texture and place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.cohort.synthetic_outcomes import draw_estimates, draw_outcomes
from outcome.cohort.synthetic_patients import draw_patients
from outcome.cohort.synthetic_risk import FULL, GENES, Site, linear_predictor, require_variant, site_named, true_risks


@dataclass(frozen=True, eq=False)
class SyntheticRecord:
    """A site's table, and what only the maker knows; all frames in case order."""

    table: pd.DataFrame  # one row a case, columns named by their variables, yes/no and choices as codes
    latents: pd.DataFrame  # index case_id: eta, and the tumour as the images show it
    risks: pd.DataFrame  # index case_id: what is truly to be expected, one column an endpoint


def synthetic_record(rng: np.random.Generator, n: int, site: str, variant: str = FULL) -> SyntheticRecord:
    """The record of `n` made-up patients of a site, in case order. The same generator state gives the same record.

    Raises UsageError for an unknown site or variant.
    """
    facts = site_named(site)
    require_variant(variant)
    patients = draw_patients(rng, n, facts)
    eta = linear_predictor(patients.record, patients.tumour, patients.genes, facts, variant)
    after = draw_outcomes(rng, patients, eta)
    estimates = draw_estimates(rng, patients)
    identity = pd.DataFrame({"case_id": [f"{site}{i:05d}" for i in range(1, n + 1)], "site": site})
    table = pd.concat([identity, patients.record, patients.genes, estimates, after], axis=1)
    index = pd.Index(identity["case_id"])
    latents = patients.tumour.assign(eta=eta).set_axis(index)
    return SyntheticRecord(_with_gaps(rng, table, facts), latents, true_risks(eta, patients.record).set_axis(index))


def _with_gaps(rng: np.random.Generator, table: pd.DataFrame, site: Site) -> pd.DataFrame:
    healthy = (table["asa_class"] == "1").to_numpy()
    n = len(table)
    gaps = {
        "haemoglobin_g_dl": rng.random(n) < site.haemoglobin_missing,
        "creatinine_mg_dl": rng.random(n) < site.creatinine_missing * np.where(healthy, 2.0, 0.7),  # not at random
        "bmi": rng.random(n) < 0.03,
        "smoking": rng.random(n) < 0.05,
    }
    no_biopsy = rng.random(n) < site.genomics_missing
    gaps |= dict.fromkeys(GENES, no_biopsy)
    return table.assign(**{name: table[name].mask(gone) for name, gone in gaps.items()})
