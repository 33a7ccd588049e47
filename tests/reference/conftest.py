"""Published results with their tolerances, and the tables they were computed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def values(real_data: Path) -> dict[str, dict[str, Any]]:
    entries = json.loads((real_data / "statistics" / "reference_values.json").read_text())
    return {entry["id"]: entry for entry in entries}


@pytest.fixture(scope="session")
def tables(real_data: Path) -> Path:
    return real_data / "statistics" / "tables"
