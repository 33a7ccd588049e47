"""The study file's JSON schema, for editors that complete and check YAML while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from outcome.config.study import Study


def study_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a study file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}


def write_schema(path: Path) -> None:
    """Write the schema as the file `configs/study.schema.json`."""
    path.write_text(json.dumps(study_schema(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
