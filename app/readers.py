"""What a store holds (docs/store.md), read once and kept until a file changes. Reads only; never writes.

Tables are kept as they are (`cache_resource`: no copy a click), so nobody may change them in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.records import Json, StudyRecords, joined_predictions
from outcome.errors import StoreRefusal
from outcome.formats import METRICS, require_version
from outcome.parquet import parquet_frame

_ID_LENGTH = 12
_ABSENT = (FileNotFoundError, NotADirectoryError)  # also where a run replaces a file at this very moment
Stamp = tuple[tuple[str, int, int], ...]


def list_studies(store: Path) -> list[str]:
    """The studies of a store by name: every folder whose cohort stage has cases. Empty where the store is absent."""
    if not store.is_dir():
        return []
    return sorted(path.parent.parent.name for path in store.glob("*/cohort/cases.parquet"))


def load_study(store: Path, study: str) -> StudyRecords:
    """Everything the pages show of one study; read again only where a file changed.

    Raises StoreRefusal where a file that exists cannot be read.
    """
    folder = store / study
    return _load(str(folder), study, _stamp(_files(folder)))


def _files(folder: Path) -> dict[str, Path]:
    cohort, train, bundle = folder / "cohort", folder / "train", latest_part(folder / "predict")
    evaluate = latest_part(folder / "evaluate")
    return {
        "cases": cohort / "cases.parquet",
        "features": folder / "features" / "features.parquet",
        "columns": folder / "features" / "columns.json",
        "study": cohort / "study.json",
        "flow": cohort / "flow.json",
        "inputs": cohort / "inputs.json",
        "cohort_findings": cohort / "findings.json",
        "segment_findings": folder / "segment" / "findings.json",
        "segment": folder / "segment" / "manifest.json",
        "segment_index": folder / "segment" / "index.json",
        "ladder": train / "ladder.json",
        "out_of_fold": train / "out_of_fold.parquet",
        "predictions": (bundle or folder / "predict" / "none") / "predictions.parquet",
        "outlines": (bundle or folder / "predict" / "none") / "outlines.parquet",
        "details": (bundle or folder / "predict" / "none") / "details.parquet",
        "details_out_of_fold": train / "details.parquet",
        "information": (bundle or folder / "predict" / "none") / "information.parquet",
        "information_out_of_fold": train / "information.parquet",
        "warnings": (bundle or folder / "predict" / "none") / "warnings.parquet",
        "metrics": (evaluate or folder / "evaluate" / "none") / "metrics.json",
        "bundle": folder / "bundle" / "manifest.json",
        "bundle_config": folder / "bundle" / "config.json",
    }


def latest_part(stage: Path) -> Path | None:
    """The newest part (one a bundle) of a stage; the name decides between parts of the same moment."""
    parts = [path for path in stage.glob("*") if path.is_dir() and not path.name.startswith(".")]
    return max(parts, key=lambda path: (path.stat().st_mtime_ns, path.name), default=None)


def _stamp(files: Mapping[str, Path]) -> Stamp:
    present = [(str(path), _facts_of(path)) for path in files.values()]
    return tuple((path, facts.st_mtime_ns, facts.st_size) for path, facts in present if facts is not None)


def _facts_of(path: Path) -> os.stat_result | None:
    """A file's facts; None where there is none, be it that a run replaces it at this moment."""
    try:
        facts = path.stat()
    except _ABSENT:
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def _bundle_id(manifest: Path) -> str:
    """The bundle's id by its manifest; empty where there is none."""
    try:
        return hashlib.sha256(manifest.read_bytes()).hexdigest()[:_ID_LENGTH]
    except _ABSENT:
        return ""


def _metrics(path: Path) -> Json:
    """What was evaluated, {} where nothing was. Raises StoreRefusal for what another version of the program wrote."""
    found: Json = read_document(path, {})
    if found:
        require_version(found, METRICS, "metrics.json", "outcome evaluate STUDY.yaml")
    return found


@st.cache_resource(max_entries=4, show_spinner="Reading the study …")
def _load(folder: str, study: str, stamp: Stamp) -> StudyRecords:
    """`stamp` is part of the key: another time or size of any file reads again."""
    files = _files(Path(folder))
    bundle = files["bundle"]
    predictions = joined_predictions(read_table(files["out_of_fold"]), read_table(files["predictions"]))
    return StudyRecords(
        name=study,
        cases=_by_case(read_table(files["cases"])),
        features=_by_case(read_table(files["features"])),
        columns=tuple(read_document(files["columns"], [])),
        predictions=predictions,
        metrics=_metrics(files["metrics"]),
        ladder=read_document(files["ladder"], {}),
        findings=(*read_document(files["cohort_findings"], []), *read_document(files["segment_findings"], [])),
        flow=tuple(read_document(files["flow"], [])),
        study=read_document(files["study"], {}),
        inputs=read_document(files["inputs"], {}),
        masks=frozenset(read_document(files["segment_index"], {})),
        bundle_id=_bundle_id(bundle),
        bundle_facts=_facts(read_document(bundle, {})),
        predicted_by=files["predictions"].parent.name if files["predictions"].is_file() else "",
        masking=read_document(files["segment"], {}).get("config") or {},
        outlines=read_table(files["outlines"]),
        warnings=read_table(files["warnings"]),
        details=_below(read_table(files["details_out_of_fold"]), read_table(files["details"])),
        min_information=(read_document(files["bundle_config"], {}).get("training") or {}).get("min_information"),
        information=_below(read_table(files["information_out_of_fold"]), read_table(files["information"])),
    )


def _below(*tables: pd.DataFrame) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True).astype({"case_id": str}) if filled else pd.DataFrame()


def _facts(manifest: Json) -> Json:
    facts = manifest.get("facts")
    return facts if isinstance(facts, Mapping) else {}


def _by_case(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype({"case_id": str}).set_index("case_id") if "case_id" in table else table


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet table; empty where the file is absent, refused where it is damaged."""
    try:
        return parquet_frame(path.read_bytes())
    except _ABSENT:
        return pd.DataFrame()
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise _damaged(path) from error


def read_document(path: Path, absent: Any) -> Any:
    """A JSON file; `absent` where there is none, refused where it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except _ABSENT:
        return absent
    except (OSError, ValueError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> StoreRefusal:
    return StoreRefusal(
        f"the file {path.parent.name}/{path.name} of this study cannot be read",
        next_step=f"repeat the command of its stage: outcome {path.parent.name} STUDY.yaml",
    )
