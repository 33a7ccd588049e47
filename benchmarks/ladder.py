"""Every rung beside the record alone: the primary metric, and the paired difference, in every partition.

    python -m benchmarks.ladder STORE/STUDY

Reads the predictions of a finished run: out-of-fold ones of development cases, the bundle's of all others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from outcome.bundle import read_bundle
from outcome.cohort.endpoints import endpoint_target
from outcome.config import study_from_resolved
from outcome.evaluation.summary import difference, evaluate_target
from outcome.store import StudyStore, read_parquet
from outcome.types import EndpointKind, Estimate

PRIMARY = {EndpointKind.BINARY: "auroc", EndpointKind.TIME_TO_EVENT: "harrell_c"}
RECORD = ("clinical", "clinical + plan")


def shown(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "withheld"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def main() -> None:
    place = Path(sys.argv[1])
    store = StudyStore(place.parent, place.name)
    bundle = read_bundle(store.bundle)
    study = study_from_resolved(bundle.json("config.json"))
    tables = [read_parquet(store.stage("predict", bundle.id) / "predictions.parquet")]
    if (store.stage("train") / "out_of_fold.parquet").exists():
        tables.append(read_parquet(store.stage("train") / "out_of_fold.parquet"))
    rows = pd.concat([table for table in tables if len(table)])
    endpoints = read_parquet(store.stage("cohort") / "endpoints.parquet")
    print("| partition | endpoint | n, events | rung | AUC or C | minus the record alone |\n|---|---|---|---|---|---|")
    for (part, name, inputs), group in rows.groupby(["partition", "endpoint", "inputs"], sort=False):
        kind = EndpointKind(study.endpoints[name].kind)
        if kind not in PRIMARY:
            continue
        first = group[group["horizon_days"].fillna(-1) == group["horizon_days"].fillna(-1).min()]
        scores = {str(r): g.set_index("case_id")["score"].sort_index() for r, g in first.groupby("rung", sort=False)}
        ids = next(iter(scores.values())).index.tolist()
        target = endpoint_target(endpoints, name, kind, ids)
        record = next((scores[r] for r in RECORD if r in scores), None)
        for rung, score in scores.items():
            values = score.to_numpy(dtype=float)
            metric = evaluate_target(target, None, values).metrics.get(PRIMARY[kind])
            ahead = (
                None if record is None or rung in RECORD else difference(target, values, record.to_numpy(dtype=float))
            )
            cells = (part, f"{name} ({inputs})", f"{int(target.known.sum())}, {target.n_events}", rung, shown(metric))
            print(f"| {' | '.join(cells)} | {shown(ahead) if ahead else ''} |")


if __name__ == "__main__":
    main()
