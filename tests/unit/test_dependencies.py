"""What the program needs of others: each library has a floor, and what is tested with lies in its range."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from outcome.bundle.libraries import RECORDED

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
ALL = [*NEEDED, *(Requirement(line) for group in PROJECT["optional-dependencies"].values() for line in group)]
PINS = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("needed", ALL, ids=str)
def test_each_library_has_a_floor_and_its_pin_lies_in_the_range(needed: Requirement) -> None:
    floors = [part for part in needed.specifier if part.operator == ">="]
    assert len(floors) == 1, f"{needed.name} states no floor"
    pin = PINS[canonicalize_name(needed.name)]
    assert needed.specifier.contains(pin), f"{needed.name} {pin} is tested with"
    assert Version(floors[0].version) <= pin


def test_the_libraries_that_a_bundle_records_are_needed_by_name() -> None:
    assert set(RECORDED) <= {needed.name for needed in NEEDED}
