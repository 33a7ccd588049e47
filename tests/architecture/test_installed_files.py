"""What a wheel carries: every file of the packages that is no Python, or an installed program would miss it."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("outcome", "segmentation", "app")


def unpacked(files: list[str], globs: dict[str, list[str]]) -> list[str]:
    """The files that no glob of their package takes along."""
    taken = {str(path.relative_to(ROOT)) for name, patterns in globs.items() for pattern in patterns
             for path in (ROOT / name).glob(pattern)}  # fmt: skip
    return [name for name in files if not name.endswith(".py") and name not in taken]


def test_every_file_of_a_package_is_in_its_wheel() -> None:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert unpacked(listed.stdout.splitlines(), globs) == []
    assert unpacked(["outcome/report/hazards.yaml"], {"outcome": ["report/templates/*"]})


def test_every_package_has_its_init() -> None:
    folders = {path.parent for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
