"""torchvision's operators: its own where they load, plain ones where not; each branch in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from segmentation.torchvision_cure import nms


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_timm_and_torchvision_are_importable_and_nms_runs_through_torch() -> None:
    code = """
import torch
from segmentation.torchvision_cure import cure_torchvision
first = cure_torchvision()
assert cure_torchvision() is first
import timm
from torchvision.ops import nms
boxes = torch.tensor([[0., 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
print(torch.ops.torchvision.nms(boxes, torch.tensor([.5, .9, .1]), .5).tolist())
"""
    assert _python(code) == "[1, 2]"


def test_it_is_inert_where_the_own_operators_load() -> None:
    code = """
import torch
from segmentation.torchvision_cure import cure_torchvision
calls = []
assert cure_torchvision(lambda: calls.append(1)) is False
print(len(calls), hasattr(torch.ops.torchvision, 'nms'))
"""
    assert _python(code) == "1 False"


@pytest.mark.parametrize("error", ["OSError", "ImportError"])
def test_operators_are_defined_where_loading_fails(error: str) -> None:
    code = f"""
import torch
from segmentation.torchvision_cure import cure_torchvision
def fails(): raise {error}('libcudart.so.13')
assert cure_torchvision(fails)
assert cure_torchvision(lambda: None)
print(hasattr(torch.ops.torchvision, 'nms'), hasattr(torch.ops.torchvision, 'qnms'))
"""
    assert _python(code) == "True True"


def test_pages_that_open_together_define_them_once() -> None:
    code = """
import threading, time
from segmentation.torchvision_cure import cure_torchvision
start, found = threading.Barrier(8), []
def fails():
    time.sleep(0.05)
    raise OSError('libcudart.so.13')
def one():
    start.wait()
    try:
        found.append(cure_torchvision(fails))
    except RuntimeError as error:
        found.append(str(error))
threads = [threading.Thread(target=one) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(found)
"""
    assert _python(code) == str([True] * 8)


def test_another_error_is_not_hidden() -> None:
    code = """
from segmentation.torchvision_cure import cure_torchvision
def fails(): raise MemoryError
try:
    cure_torchvision(fails)
except MemoryError:
    print('seen')
"""
    assert _python(code) == "seen"


def test_nms_on_boxes_counted_by_hand() -> None:
    """Boxes 0 and 1 share 90 of 110 (0.818), 1 and 2 share 50 of 150 (1/3), 3 lies apart, 4 is 3 again."""
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [6, 0, 16, 10], [50, 50, 60, 60], [50, 50, 60, 60]]).float()
    scores = torch.tensor([0.8, 0.9, 0.7, 0.6, 0.6])
    assert nms(boxes, scores, 0.5).tolist() == [1, 2, 3]
    assert nms(boxes, scores, 0.3).tolist() == [1, 3]
    assert nms(boxes, scores, 0.9).tolist() == [1, 0, 2, 3]
    assert nms(boxes, scores, 1.0).tolist() == [1, 0, 2, 3, 4]
    assert nms(boxes[:0], scores[:0], 0.5).tolist() == []


def test_nms_of_an_empty_box_falls_to_nothing() -> None:
    boxes = torch.tensor([[5.0, 5, 5, 5], [5, 5, 5, 5]])
    assert nms(boxes, torch.tensor([0.1, 0.2]), 0.5).tolist() == [1, 0]
