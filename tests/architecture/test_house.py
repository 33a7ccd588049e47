"""The rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import re
from importlib import metadata
from pathlib import Path

import pytest

import outcome

ROOT = Path(outcome.__file__).parent.parent
SOURCES = sorted(path for package in ("outcome", "segmentation", "app") for path in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = {"utils.py", "util.py", "helpers.py", "helper.py", "misc.py", "common.py"}
UNSAFE_LOADERS = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


def test_nothing_installed_brings_the_other_package_named_outcome() -> None:
    """trio's dependency `outcome` has the same import name and would shadow this package."""
    installed = {(dist.metadata["Name"] or "").lower() for dist in metadata.distributions()}
    assert "outcome" not in installed
    assert Path(outcome.__file__).parent.parent == ROOT


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_one_idea_and_loads_nothing_unsafe(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.name not in FORBIDDEN_NAMES
    assert len(text.splitlines()) <= 400, "more than one idea"
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & UNSAFE_LOADERS
    assert "allow_pickle=True" not in text
    assert "weights_only=False" not in text
    assert not re.search(r"yaml\.(unsafe_load|full_load|unsafe_load_all|Loader|UnsafeLoader|FullLoader)\b", text)


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in SOURCES
        if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert silent == []


def test_no_path_of_a_machine_stands_in_the_tree() -> None:
    pattern = re.compile(r"/(home|root|Users)/")
    places = [
        *SOURCES,
        *(p for p in ROOT.glob("docs/**/*.md")),
        *(p for p in ROOT.glob("configs/*.yaml")),
        ROOT / "Makefile",
    ]
    assert [str(p.relative_to(ROOT)) for p in places if pattern.search(p.read_text())] == []
