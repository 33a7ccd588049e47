"""What names the work of a cell: the program's code, the content of files, and what is done with them."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from segmentation.learning.training_case import TrainingCase

# Folders whose code decides no mask and no measure.
_LEFT_OUT = ("cli", "radiomics", "review", "phantoms")
_SHOWING = (
    "page.py",
    "page_text.py",
    "charts.py",
    "tables.py",
    "ranking.py",
    "document.py",
    "ablation.py",
    "config.py",
)
_LIBRARIES = ("torch", "numpy", "scipy", "scikit-image", "scikit-learn", "monai", "timm")


@lru_cache(maxsize=1)
def code_hash() -> str:
    """The code that decides masks and measures, without comments and docstrings, and the libraries' versions."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        showing = place.parts[0] == "benchmark" and place.name in _SHOWING
        if place.parts[0] not in _LEFT_OUT and not showing:
            digest.update(f"{place.as_posix()}\0{_meaning(path.read_text(encoding='utf-8'))}\0".encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)}\0".encode())
    return digest.hexdigest()


def case_hash(case: TrainingCase) -> str:
    """A case's names and the content of its files; a mask that is kept in a folder counts every file there."""
    digest = hashlib.sha256(f"{case.case_id}\0{case.patient}\0".encode())
    mask = case.mask if isinstance(case.mask, Path) else case.mask.file
    for path in (*case.images, mask):
        for file in _files(path):
            digest.update(f"{file.name}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def key_of(parts: Iterable[str]) -> str:
    """One name for all parts in their order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return ast.dump(tree)
