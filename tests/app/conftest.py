"""What the page tests share: a self-made store, and the page running over a store in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import streamlit as st
from example_store import set_risk, write_store
from page_reading import OpenPage
from streamlit import config
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = write_store(tmp_path / "store")
    set_risk(root, "E003", (0.123, 0.08, 0.171))
    return root


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Runs the page over a store; keywords become the address's parts."""
    st.cache_resource.clear()
    st.cache_data.clear()

    def run(store: Path | None, *, listen: str = "127.0.0.1", **address: str) -> AppTest:
        config.set_option("server.address", listen)
        monkeypatch.setattr(sys, "argv", ["main.py", *(["--store", str(store)] if store else [])])
        page = AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in address.items():
            page.query_params[name] = value
        return page.run()

    return run
