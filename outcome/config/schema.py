"""JSON schemas of study file and mappings, for editors that complete and check YAML while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from outcome.config.mapping import MAPPINGS
from outcome.config.study import Study

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def study_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a study file."""
    return {"$schema": _DRAFT, **Study.model_json_schema()}


def mapping_schema(form: str) -> dict[str, Any]:
    """The JSON schema of a mapping, omop or fhir."""
    return {"$schema": _DRAFT, **MAPPINGS[form].model_json_schema()}


def write_schema(path: Path) -> None:
    """Write the schema of a study file as `configs/study.schema.json`, those of mappings beside it."""
    schemas = {path: study_schema()} | {
        path.with_name(f"{form}_mapping.schema.json"): mapping_schema(form) for form in MAPPINGS
    }
    for file, schema in schemas.items():
        file.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")
