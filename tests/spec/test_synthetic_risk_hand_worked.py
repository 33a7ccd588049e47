"""One made-up patient worked through on paper."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from outcome.cohort.synthetic_risk import (
    FULL,
    GENES,
    NO_IMAGE_SIGNAL,
    SITES,
    linear_predictor,
    true_risks,
)

RECORD = pd.DataFrame(
    {
        "age_years": [72.0], "asa_class": ["3"], "diabetes": ["yes"], "smoking": ["never"],
        "haemoglobin_g_dl": [11.5], "creatinine_mg_dl": [1.0], "planned_access": ["robotic"],
    }
)  # fmt: skip
# One standard deviation above the usual volume, the most irregular surface, medium texture, at the hilum, upper pole.
TUMOUR = pd.DataFrame(
    {
        "tumor_volume_ml": [28.0 * math.exp(0.75)], "irregularity": [1.0], "coarseness": [0.5], "depth": [1.0],
        "pole": ["upper"],
    }
)  # fmt: skip
NO_GENES = pd.DataFrame(0.0, index=[0], columns=list(GENES))


def test_the_log_odds_are_the_sum_of_the_parts() -> None:
    # 0.032·10 + 0.42·1 + 0.45 + 0.18·2 = 1.55
    position = 0.85 * math.sqrt(3) - 0.53 * (1 / 3) / math.sqrt(2 / 9)
    image = 0.68 + 0.61 * math.sqrt(3) + 0.52 * position
    (eta,) = linear_predictor(RECORD, TUMOUR, NO_GENES, SITES["A"], FULL)
    assert eta == pytest.approx(-1.18 + 1.55 + image)
    (eta,) = linear_predictor(RECORD, TUMOUR, NO_GENES, SITES["A"], NO_IMAGE_SIGNAL)
    assert eta == pytest.approx(-0.99 + 1.55)


def test_one_gene_that_matters_and_one_that_does_not() -> None:
    spread = math.sqrt(0.55**2 + 0.50**2 + 0.45**2 + 0.35**2 + 0.35**2)
    changed = NO_GENES.assign(expr_08=2.0, expr_09=5.0)
    plain, with_gene = (linear_predictor(RECORD, TUMOUR, genes, SITES["B"], FULL)[0] for genes in (NO_GENES, changed))
    assert with_gene - plain == pytest.approx(-0.74 * 0.50 * 2.0 / spread)


def test_risks_at_even_odds() -> None:
    """eta 0 at age 62: half have a complication; grade 3a or worse has log odds -1.45."""
    record = RECORD.assign(age_years=62.0)
    risk = true_risks(np.array([0.0]), record).iloc[0]
    assert risk["any_complication"] == 0.5
    assert risk["major_complication"] == pytest.approx(1 / (1 + math.exp(1.45)))
    spared, reference = 1 - 1 / (1 + math.exp(4.2)), math.log(0.7 / 0.3)
    death, relapse = 1e-4 * math.exp(0.3 * reference), 2.5e-4 * math.exp(0.7 * reference)
    assert risk["overall_survival"] == pytest.approx(1 - spared * math.exp(-1065 * death))
    both = death + relapse
    assert risk["recurrence"] == pytest.approx(spared * relapse / both * (1 - math.exp(-700 * both)))
    assert risk["length_of_stay"] == pytest.approx(math.exp(1.15 + 0.28 * reference))
    thresholds = (0.0, 0.7, 1.45, 2.2, 2.9, 4.2)
    assert risk["clavien"] == pytest.approx(sum(1 / (1 + math.exp(c)) for c in thresholds))
