"""A plan that cannot be built or trained cannot be made."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from segmentation.errors import ImageRefusal
from segmentation.planning.plan import SegmenterPlan
from tests.segmenter_studies import BLOCKS, SLICES


@pytest.mark.parametrize("plan", [BLOCKS, SLICES, replace(BLOCKS, voxel=(1.5, 2, 3))])
def test_a_plan_survives_json(plan: SegmenterPlan) -> None:
    assert SegmenterPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    "change",
    [
        {"network": "resnet"},
        {"intensity": "raw"},
        {"regions": {f"r{n}": n for n in range(1, 256)}},
        {"patch": (24, 24)},
        {"patch": (25, 24, 16)},
        {"patch": (4, 4, 4)},
        {"voxel": (1, 0, 1)},
        {"voxel": (1, 1)},
        {"channels": (8,)},
        {"channels": (8, 4096)},
        {"channels": (8, 0)},
        {"neighbours": 6},
        {"steps": 0},
        {"batch": 0},
        {"learning_rate": 0.0},
        {"seed": -1},
    ],
)
def test_a_wrong_plan_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ImageRefusal) as refused:
        replace(BLOCKS, **change)
    assert refused.value.code == "bad_plan"
    assert refused.value.expected
    assert refused.value.next_step


@pytest.mark.parametrize(
    "data", [{}, {"voxel": None}, {**BLOCKS.to_json(), "depth": 3}, {**BLOCKS.to_json(), "patch": 3}]
)
def test_json_of_another_form_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ImageRefusal, match="plan"):
        SegmenterPlan.from_json(data)


def test_a_thin_axis_is_left_whole_until_the_others_are_as_short() -> None:
    plan = replace(BLOCKS, patch=(64, 64, 16), channels=(4, 8, 8, 8))
    assert plan.strides == ((2, 2, 1), (2, 2, 1), (2, 2, 2))


def test_a_2d_network_reads_slices_and_its_patch_is_flat() -> None:
    assert replace(SLICES, patch=(32, 16, 99)).patch == (32, 16, 1)


def test_naming_a_plan_or_a_command_loads_no_torch() -> None:
    modules = "sys, segmentation.cli, segmentation.planning.plan, segmentation.device"
    code = f"import {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
