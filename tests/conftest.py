"""What every test shares: where real data may stand, and runs that lay out no PDF."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, or a skip with the reason."""
    folder = os.environ.get("OUTCOME_REAL_DATA")
    if not folder:
        pytest.skip("OUTCOME_REAL_DATA is not set: no real data to run on")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def plain_pages() -> Iterator[None]:
    """A placeholder for the PDF, whose layout takes a quarter of a short run.

    Runs in processes of their own lay it out, and `outcome.report.pdf` has its own tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("outcome.pipeline.report.write_pdf", lambda page: b"%PDF-")
        yield
