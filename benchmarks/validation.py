"""What does it cost to measure a large table of predictions made elsewhere, with twenty subgroups?

python -m benchmarks.validation --cases 100000
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

GROUPS = 20
HORIZON = 365
PROGRAM = "from outcome.cli import main; import sys; sys.exit(main())"


def table(kind: str, cases: int) -> pd.DataFrame:
    """Made-up predictions: about 12 % have the event, and twenty hospitals of unequal size."""
    rng = np.random.default_rng(1)
    predictor = rng.normal(-2.3, 0.9, cases)
    risk = 1 / (1 + np.exp(-predictor))
    hospital = np.minimum(rng.geometric(0.12, cases), GROUPS)
    frame = pd.DataFrame({"risk": risk, "hospital": [f"h{number:02d}" for number in hospital]})
    if kind == "binary":
        return frame.assign(outcome=(rng.random(cases) < risk).astype(int))
    time_days = np.ceil(rng.exponential(HORIZON / -np.log1p(-risk)))
    censored = rng.integers(100, 2000, cases)
    other = np.ceil(rng.exponential(4000, cases))
    event = np.where(time_days <= other, 1, 2 if kind == "competing" else 0)
    first = np.minimum(time_days, other)
    return frame.assign(time=np.minimum(first, censored), event=np.where(first <= censored, event, 0))


def measure(kind: str, cases: int, draws: int) -> tuple[float, float]:
    """Seconds of the whole command, and the largest memory of any command so far in GB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        table(kind, cases).to_parquet(path)
        words = ["evaluate", "--predictions", str(path), "--kind", kind, "--group", "hospital", "--json"]
        words += [] if kind == "binary" else ["--horizon", str(HORIZON)]
        words += ["--bootstrap", str(draws)] if draws else []
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    asked = parser.parse_args()
    print(f"| {asked.cases:,} cases, {GROUPS} groups | s | largest memory so far, GB |\n|---|---|---|")
    for kind, draws in (("binary", 0), ("binary", 1000), ("survival", 0), ("competing", 0)):
        seconds, memory = measure(kind, asked.cases, draws)
        name = f"{kind}, and {draws:,} bootstrap draws of every metric" if draws else kind
        print(f"| {name} | {seconds:.0f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
