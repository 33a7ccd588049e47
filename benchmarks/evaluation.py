"""How long does the AUC with its interval take on 100,000 cases, beside scikit-learn's AUC without one?

python -m benchmarks.evaluation
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from outcome.evaluation.discrimination.concordance import harrell_c
from outcome.evaluation.discrimination.roc import auroc_delong

CASES = 100_000
REPEATS = 7


def main() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(CASES) < 0.1).astype(float)
    risk = np.clip(0.1 + 0.1 * y + rng.normal(0, 0.1, CASES), 0, 1)
    follow_up = rng.exponential(1000, CASES)
    rows = {
        "AUC with DeLong interval": lambda: auroc_delong(y, risk),
        "scikit-learn roc_auc_score, no interval": lambda: roc_auc_score(y, risk),
        "Harrell C": lambda: harrell_c(follow_up, y, risk),
    }
    print(f"| {CASES:,} cases | median s | min | max |\n|---|---|---|---|")
    for name, work in rows.items():
        seconds = timed(work)
        print(f"| {name} | {statistics.median(seconds):.3f} | {min(seconds):.3f} | {max(seconds):.3f} |")


def timed(work: Callable[[], object]) -> list[float]:
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
