"""What every test shares: where real data may stand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, or a skip with the reason."""
    folder = os.environ.get("OUTCOME_REAL_DATA")
    if not folder:
        pytest.skip("OUTCOME_REAL_DATA is not set: no real data to run on")
    return Path(folder)
