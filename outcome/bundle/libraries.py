"""Which libraries made a bundle, and whether those at hand can read what they wrote.

Arrays (npy 1.0), weights (safetensors) and JSON have frozen forms that every version reads. LightGBM's trees, and the
parts of networks, are read by the library that wrote them: a newer major version may write what an older one cannot
read. Such a bundle is refused; an older one is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

from outcome.errors import BundleRefusal

RECORDED = ("numpy", "pandas", "pyarrow", "lightgbm", "torch", "monai", "timm", "safetensors")
FACT = "libraries"
_TREES = ("lightgbm",)
_NETWORK = ("torch", "monai", "timm", "safetensors")
_MARKS = ((b'"type":"boosting"', _TREES), (b'"type":"network"', _NETWORK))


def recorded_libraries() -> dict[str, str]:
    """The versions at hand of the libraries that a bundle may need again."""
    return {name: _installed(name) for name in RECORDED}


def refuse_newer_libraries(facts: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Raises BundleRefusal where a library that this bundle needs was of a newer major version than the one at hand.

    Bundles of version 2 tell no libraries and are read.
    """
    told = facts.get(FACT, {})
    if not isinstance(told, dict):
        raise _refused("libraries that are no list of versions", "names and versions")
    for name in needed(files):
        made, here = told.get(name), _installed(name)
        if made is not None and _major(name, made) > _major(name, here):
            raise _refused(f"{name} {made}", f"{name} below {_major(name, here) + 1}, as {here} is installed")


def needed(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The libraries without which a bundle's models cannot be read."""
    found = {names for data in files.values() for mark, names in _MARKS if mark in data}
    weights = any(name.endswith(".safetensors") for name in files)
    return tuple(dict.fromkeys(name for names in (*sorted(found), *([_NETWORK] if weights else [])) for name in names))


@cache
def _installed(name: str) -> str:
    return metadata.version(name)


def _major(name: str, version: Any) -> int:
    try:
        return int(str(version).split(".")[0])
    except ValueError as error:
        raise _refused(f"{name} {str(version)[:20]}", "versions") from error


def _refused(found: str, expected: str) -> BundleRefusal:
    return BundleRefusal(
        "the bundle was made with a newer library than the one installed here",
        expected=expected,
        found=found,
        next_step="install the versions of the program's constraints.txt of the release that wrote it",
    )
