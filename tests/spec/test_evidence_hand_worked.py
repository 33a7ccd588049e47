"""Forty cases whose reader, score and risk groups can be counted on paper.

Twenty have the event. The model gives 0.6 to 15 of them and to 5 of the others, 0.3 to the rest. The reader says 80 %
of 18 of them and of 8 of the others, 10 % of the rest.
"""

from __future__ import annotations

import numpy as np
import pytest

from outcome.config import PublishedScore, Reader
from outcome.pipeline.evidence.published import comparators
from outcome.pipeline.evidence.readers import readers
from outcome.pipeline.evidence.risk_groups import risk_groups
from outcome.types import Target
from tests.evidence_scene import ENDPOINT, INPUTS, Told, model_cases

Y = np.repeat([1.0, 0.0], 20)
RISK = np.concatenate([[0.6] * 15, [0.3] * 5, [0.6] * 5, [0.3] * 15])
SAID = np.concatenate([[80.0] * 18, [10.0] * 2, [80.0] * 8, [10.0] * 12])
READER = Reader(variable="said", label="Dr A", endpoint=ENDPOINT, scale="percent")


def asked(threshold: float) -> dict:
    told = Told({"readers": (READER,)}, variables={"said": SAID}, threshold=threshold)
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, told)
    return readers(model.cases, [model])


def test_both_rank_alike() -> None:
    """Model: 0.75 · 0.75 + (0.75 · 0.25 + 0.25 · 0.75) / 2; reader: 0.9 · 0.6 + (0.9 · 0.4 + 0.1 · 0.6) / 2."""
    found = asked(0.5)
    assert found["readers"][0]["auroc"]["value"] == pytest.approx(0.75)
    assert found["models"][INPUTS]["difference"]["value"] == pytest.approx(0)
    assert (found["n"], found["n_events"]) == (40, 20)


@pytest.mark.parametrize(
    ("threshold", "model", "reader"),
    [
        (0.5, (15 - 5) / 40, (18 - 8) / 40),  # odds 1
        (0.25, (20 - 20 / 3) / 40, (18 - 8 / 3) / 40),  # odds 1/3: the model treats everybody
    ],
)
def test_net_benefit_at_the_threshold_handed_in(threshold: float, model: float, reader: float) -> None:
    row = asked(threshold)["models"][INPUTS]["net_benefit"][0]
    assert row["model"]["value"] == pytest.approx(model)
    assert row["readers"][0]["net_benefit"]["value"] == pytest.approx(reader)
    assert row["readers"][0]["difference"]["value"] == pytest.approx(model - reader)


def test_a_published_risk_expects_22_2_events() -> None:
    """26 cases at 0.8 and 14 at 0.1: 20.8 + 1.4 = 22.2 expected, 20 seen."""
    score = PublishedScore(variable="said", label="S", source="x", endpoint=ENDPOINT, scale="percent")
    model = model_cases(Target.binary(ENDPOINT, Y), RISK, Told({"scores": (score,)}, variables={"said": SAID}))
    found = comparators(model.cases, [model])["S"]
    assert found["metrics"]["oe_ratio"]["value"] == pytest.approx(20 / 22.2)
    assert found["metrics"]["auroc"]["value"] == pytest.approx(0.75)


def test_a_case_on_the_cut_belongs_to_the_group_above() -> None:
    told = Told(risks={"n": 100, "cuts": [0.3, 0.6]})
    found = risk_groups(model_cases(Target.binary(ENDPOINT, Y), RISK, told))["groups"]
    assert [(group["n"], group["n_events"]) for group in found] == [(0, 0), (20, 5), (20, 15)]
    assert found[1]["observed"]["value"] == 0.25
