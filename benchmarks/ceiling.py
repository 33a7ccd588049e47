"""What can be known at best where a share of the cases has no images: what `benchmarks.recovery` cannot pass.

    python -m benchmarks.ceiling [--without-images 0.3] [--patients 200000]

Simulated patients of site A. Who sees the record, the genes and the true properties of every tumour whose images are
there, and knows the mechanism, predicts the expected risk given these: a logistic regression of the true risk for the
cases with images and another for those without; or one straight line for both, which knows what is missing. Share of
the gap: (AUROC - record alone) / (true risk - record alone).
"""

from __future__ import annotations

import argparse

import numpy as np

from outcome.cohort.synthetic_risk import FULL, IMAGE_PART
from outcome.cohort.synthetic_truth import PATIENTS, expected_risk, seen_columns, simulated
from outcome.evaluation.discrimination.roc import auroc
from outcome.types import BoolArray, FloatArray

ENDPOINT = "any_complication"
TABLES = ("record", "genomics")


def known_risk(seen: dict[str, FloatArray], risk: FloatArray, blind: BoolArray) -> FloatArray:
    """The expected risk (n,) given the tables, and given each tumour's properties where images are there."""
    found = np.empty(len(risk))
    for rows, parts in ((blind, TABLES), (~blind, (*TABLES, *IMAGE_PART))):
        if rows.any():
            found[rows] = expected_risk(np.column_stack([seen[part][rows] for part in parts]), risk[rows])
    return found


def one_line(seen: dict[str, FloatArray], risk: FloatArray, blind: BoolArray) -> FloatArray:
    """The same (n,) by a single regression: properties not seen are 0, their mean, and one column says so."""
    images = np.column_stack([seen[part] for part in IMAGE_PART]) * ~blind[:, None]
    return expected_risk(np.column_stack([*(seen[part] for part in TABLES), images, blind]), risk)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-images", type=float, default=0.3, help="this share of the cases has no images")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    given = parser.parse_args()
    record = simulated("A", FULL, given.patients)
    seen, risk = seen_columns(record), record.risks[ENDPOINT].to_numpy(dtype=float)
    event = np.asarray(record.table["clavien_grade"] != "0", dtype=float)
    blind = np.random.default_rng(1).random(len(event)) < given.without_images
    alone, best = auroc(event, expected_risk(seen["record"], risk)), auroc(event, risk)
    print("| predictor | AUROC | share of the gap |\n|---|---|---|")
    for name, value in (
        ("the record alone", alone),
        ("what is known, images of all", auroc(event, known_risk(seen, risk, np.zeros_like(blind)))),
        (f"what is known, {given.without_images:.0%} without images", auroc(event, known_risk(seen, risk, blind))),
        ("the same, by one straight line", auroc(event, one_line(seen, risk, blind))),
        ("the true risk", best),
    ):
        print(f"| {name} | {value:.3f} | {(value - alone) / (best - alone):.0%} |")


if __name__ == "__main__":
    main()
