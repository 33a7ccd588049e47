"""`--set a.b=c`: a study file's document with single values replaced."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import yaml

from outcome.config.study_yaml import StudyLoader
from outcome.errors import ConfigRefusal

_HINT = "write --set training.seed=3 or --set partitions.later.label='Later batch'"


def apply_overrides(document: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of the document with each `a.b=c` applied; numbers index lists. Values are read as YAML, never run."""
    changed = copy.deepcopy(document)
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise ConfigRefusal("an override cannot be understood", expected="a.b=c", found=override, next_step=_HINT)
        _put(changed, keys, _value(text, override), override)
    return changed


def _value(text: str, override: str) -> Any:
    try:
        return yaml.load(text, Loader=StudyLoader)
    except yaml.YAMLError:
        raise ConfigRefusal(
            "the value of an override is not YAML", expected="a.b=c", found=override, next_step=_HINT
        ) from None


def _put(document: Any, keys: list[str], value: Any, override: str) -> None:
    *parents, last = keys
    for key in parents:
        document = _step(document, key, override)
    if isinstance(document, dict):
        document[last] = value
    elif isinstance(document, list) and last.isdigit() and int(last) < len(document):
        document[int(last)] = value
    else:
        raise _no_place(last, override)


def _step(document: Any, key: str, override: str) -> Any:
    if isinstance(document, dict):
        return document.setdefault(key, {})
    if isinstance(document, list) and key.isdigit() and int(key) < len(document):
        return document[int(key)]
    raise _no_place(key, override)


def _no_place(key: str, override: str) -> ConfigRefusal:
    return ConfigRefusal(
        f"the study file has no place {key!r} for this override", found=override, next_step="check the path"
    )
