"""A small self-made store in the format of docs/store.md, for the pages to show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import example_metrics
import nibabel as nib
import numpy as np
import pandas as pd

STUDY = "example"
SCRIPT = "<script>document.title='stolen'</script><img src=x onerror=\"document.title='stolen'\">"
REGIONS = {"kidney": 1, "tumor": 2}
WITHOUT_MASK = "E004"
COLUMNS: list[dict[str, Any]] = [
    {"name": "clinical:age", "block": "clinical", "kind": "numeric", "label": "Age", "unit": "years"},
    {"name": "clinical:albumin", "block": "clinical", "kind": "numeric", "label": "Serum albumin", "unit": "g/L"},
    {"name": "clinical:diabetes", "block": "clinical", "kind": "boolean", "label": "Diabetes", "unit": ""},
    {"name": "clinical:remark", "block": "clinical", "kind": "categorical", "label": "Remark", "unit": ""},
    {"name": "plan:approach", "block": "plan", "kind": "categorical", "label": "Planned approach", "unit": "",
     "availability": "planned"},
    {"name": "radiomics:tumor.morph_volume", "block": "radiomics", "kind": "numeric", "label": "Tumor volume",
     "unit": "mm³"},
]  # fmt: skip
QUESTIONS = {
    "any_complication": (30.0,),
    "length_of_stay": (np.nan,),
    "overall_survival": (1095.0, 1826.0),
}


def write_store(root: Path, n: int = 90) -> Path:
    """Write the study below `root` and give `root` back. Cases E001 to E060 are development, the rest a later batch."""
    folder, rng = root / STUDY, np.random.default_rng(7)
    cases = _cases(n)
    _table(folder / "cohort/cases.parquet", cases)
    _write_cohort(folder, cases)
    _write_features(folder, cases, rng)
    development = cases["partition"] == "development"
    _table(folder / "train/out_of_fold.parquet", _predictions(cases[development], "out_of_fold", rng))
    bundle = folder / "predict" / example_metrics.BUNDLE_ID
    _table(bundle / "predictions.parquet", _predictions(cases, "bundle", rng))
    _json(folder / "train/ladder.json", example_metrics.ladder())
    _json(folder / "evaluate" / example_metrics.BUNDLE_ID / "metrics.json", example_metrics.metrics())
    _json(
        folder / "bundle/manifest.json", {"format": "surgical-outcome-bundle", "version": 1, "facts": {}, "files": {}}
    )
    _write_masks(folder, cases["case_id"].tolist()[:12])
    return root


def _cases(n: int) -> pd.DataFrame:
    ids = [f"E{i + 1:03d}" for i in range(n)]
    return pd.DataFrame(
        {
            "case_id": ids,
            "patient_id": [f"P{i + 1:03d}" for i in range(n)],
            "site": ["north" if i % 3 else "south" for i in range(n)],
            "partition": ["development" if i < 60 else "later_batch" for i in range(n)],
        }
    )


def _write_cohort(folder: Path, cases: pd.DataFrame) -> None:
    cohort = folder / "cohort"
    _json(cohort / "study.json", _study())
    _json(cohort / "flow.json", example_metrics.flow())
    _json(cohort / "findings.json", example_metrics.findings())
    _json(cohort / "run.log.json", {"study_root": str(folder.parent / "images")})
    _json(cohort / "inputs.json", {case: {"images": {"ct": None}, "mask": None} for case in cases["case_id"]})


def _study() -> dict[str, Any]:
    return {
        "name": STUDY,
        "title": "Kidney surgery, made-up example",
        "images": {"ct": "{case_id}/ct.nii.gz"},
        "mask": {"pattern": "{case_id}/mask.nii.gz", "on": "ct", "regions": REGIONS, "units_mm": True},
        "endpoints": {name: {"kind": e["kind"], "label": e["label"]} for name, e in _endpoints().items()},
        "partitions": {"development": {"relation": "development"}, "later_batch": {"relation": "temporal"}},
    }


def _endpoints() -> dict[str, Any]:
    endpoints: dict[str, Any] = example_metrics.metrics()["partitions"]["development"]["endpoints"]
    return endpoints


def _write_features(folder: Path, cases: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(cases)
    albumin = np.where(rng.random(n) < 0.3, np.nan, rng.normal(40, 4, n).round(1))
    frame = pd.DataFrame(
        {
            "case_id": cases["case_id"],
            "clinical:age": rng.integers(35, 85, n).astype(float),
            "clinical:albumin": albumin,
            "clinical:diabetes": (rng.random(n) < 0.2).astype(float),
            "clinical:remark": [SCRIPT if i == 0 else "none" for i in range(n)],
            "plan:approach": [None if i % 10 == 9 else ("open" if i % 2 else "robotic") for i in range(n)],
            "radiomics:tumor.morph_volume": rng.normal(30_000, 8_000, n),
        }
    )
    frame.loc[frame["case_id"] == WITHOUT_MASK, "radiomics:tumor.morph_volume"] = np.nan
    frame.loc[frame["case_id"] == "E061", "clinical:age"] = 97.0
    _table(folder / "features/features.parquet", frame)
    _json(folder / "features/columns.json", [{"availability": "preoperative", "choices": [], **c} for c in COLUMNS])


def _predictions(cases: pd.DataFrame, source: str, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for endpoint, horizons in QUESTIONS.items():
        for inputs in ("preoperative", "with_plan") if endpoint == "any_complication" else ("preoperative",):
            for horizon in horizons:
                parts.append(_answers(cases, endpoint, inputs, horizon, source, rng))
    return pd.concat(parts, ignore_index=True)


def _answers(
    cases: pd.DataFrame, endpoint: str, inputs: str, horizon: float, source: str, rng: np.random.Generator
) -> pd.DataFrame:
    risk = rng.beta(2, 6, len(cases)) if endpoint != "length_of_stay" else rng.gamma(4, 1.2, len(cases))
    if horizon == QUESTIONS["overall_survival"][1]:
        risk = 1 - (1 - risk) * 0.8
    table = cases[["case_id", "partition"]].assign(endpoint=endpoint, inputs=inputs, rung="chosen", source=source)
    return table.assign(
        horizon_days=horizon, risk=risk, low=risk * 0.7, high=risk + 0.3 * (1 - risk.clip(0, 1)), score=risk
    )


def set_risk(root: Path, case_id: str, risk: tuple[float, float, float]) -> None:
    """Give one case a known risk, low and high of any complication from the preoperative inputs, in every source."""
    for path in sorted((root / STUDY).glob("**/*.parquet")):
        if path.name in ("out_of_fold.parquet", "predictions.parquet"):
            table = pd.read_parquet(path)
            rows = (table["case_id"] == case_id) & (table["endpoint"] == "any_complication")
            rows &= table["inputs"] == "preoperative"
            table.loc[rows, ["risk", "low", "high"]] = risk
            table.to_parquet(path, index=False)


def _write_masks(folder: Path, cases: list[str]) -> None:
    index = {}
    for place, case_id in enumerate(cases):
        if case_id == WITHOUT_MASK:
            continue
        key = f"key{place:03d}"
        index[case_id] = key
        path = folder / "segment/cases" / f"{key}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(_mask(place), np.diag([1.5, 1.5, 2.0, 1.0])), path)
        _json(
            path.with_name(f"{key}.json"),
            {"case_id": case_id, "spacing_mm": [1.5, 1.5, 2.0], "regions": {}, "findings": []},
        )
    _json(folder / "segment/index.json", index)
    _json(folder / "segment/findings.json", [])
    recipe = {"regions": REGIONS, "mask_on": "ct", "segmenter": "given", "families": ["shape"], "units_mm": True,
              "crop": None}  # fmt: skip
    _json(folder / "segment/manifest.json", {"config": {"recipe": recipe}})


def _mask(place: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    i, j, k = np.ogrid[:40, :44, :30]
    kidney = ((i - 20) / 15) ** 2 + ((j - 22) / 18) ** 2 + ((k - 15) / 12) ** 2 <= 1
    tumour = ((i - 28) / 7) ** 2 + ((j - 26) / 7) ** 2 + ((k - 15 - place % 3) / 6) ** 2 <= 1
    return np.where(tumour, 2, kidney.astype(int)).astype(np.uint8)


def _table(path: Path, frame: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
