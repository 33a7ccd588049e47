"""Plans as files: YAML or JSON, whole or only what differs from the plan that the data give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from segmentation.errors import ImageRefusal
from segmentation.planning.fingerprint import Fingerprint
from segmentation.planning.plan import SegmenterPlan

_FIELDS = {field.name: field for field in fields(SegmenterPlan)}
_REQUIRED = {name for name, field in _FIELDS.items() if field.default is MISSING and field.default_factory is MISSING}
FINGERPRINT = "fingerprint"


def read_plan(path: Path) -> dict[str, Any]:
    """What a file says of a plan, by field; its `fingerprint` is for people and left out.

    Raises ImageRefusal (`bad_plan`) where the file cannot be read, or names a field that no plan has.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise _refuse(path, type(error).__name__) from error
    if not isinstance(content, Mapping):
        raise _refuse(path, type(content).__name__)
    said = {str(name): value for name, value in content.items() if name != FINGERPRINT}
    for name in said:
        if name not in _FIELDS:
            near = get_close_matches(name, _FIELDS, 1)
            raise _refuse(path, f"{name}{f' (did you mean {near[0]}?)' if near else ''}")
    return said


def is_whole(said: Mapping[str, Any]) -> bool:
    """Whether every field without a default is there."""
    return said.keys() >= _REQUIRED


def completed(said: Mapping[str, Any], derived: SegmenterPlan) -> SegmenterPlan:
    """A plan from what a file says and, for the rest, the plan that the data give. Raises ImageRefusal (`bad_plan`)."""
    rest = derived.to_json()
    if said.get("heads"):
        del rest["loss"]  # heads have a loss of their own
    return SegmenterPlan.from_json({**rest, **said})


def plan_text(plan: SegmenterPlan, seen: Fingerprint | None = None) -> str:
    """The plan as YAML to read and edit, the fingerprint of the data below it."""
    document: dict[str, Any] = plan.to_json()
    if seen is not None:
        document[FINGERPRINT] = seen.to_json()
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)


def _refuse(path: Path, found: str) -> ImageRefusal:
    step = "start from the file that `segmentation plan` writes"
    return ImageRefusal(
        "bad_plan",
        f"{path.name} is no plan.",
        expected="fields of a plan, as YAML or JSON",
        found=found,
        next_step=step,
    )
