"""Lets torchvision be imported beside a torch that its compiled operators do not fit.

torchvision's published wheels link CUDA libraries. Beside a CPU-only torch its operators cannot be loaded, and then
`import torchvision` (and with it timm, lightning and torchmetrics) ends in `operator torchvision::nms does not exist`.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")
# A library whose handle is collected takes its operators with it.
_libraries: list[torch.library.Library] = []
_one_at_a_time = threading.Lock()  # pages that open together load networks together; an operator is defined but once


def load_own_operators() -> None:
    """Load the operators that torchvision brings; raises OSError or ImportError where it cannot be done."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("torchvision is not installed")
    found = sorted(path for path in Path(spec.origin).parent.glob("_C*") if path.suffix in {".so", ".pyd", ".dylib"})
    if not found:
        raise ImportError("torchvision brings no compiled operators")
    torch.ops.load_library(str(found[0]))


def cure_torchvision(load: Callable[[], None] = load_own_operators) -> bool:
    """Make `import torchvision` work; call it before torchvision, timm or lightning are imported.

    `load` loads torchvision's own operators. Where it succeeds nothing else is done; where it raises OSError or
    ImportError, `torchvision::nms` and `torchvision::qnms` are defined, `nms` in plain PyTorch. Returns whether
    operators were defined, now or by an earlier call; calling it again changes nothing.
    """
    with _one_at_a_time:
        if _libraries:
            return True
        try:
            load()
        except (OSError, ImportError):
            _define_operators()
        return bool(_libraries)


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Which boxes survive non-maximum suppression: indices by falling score, (kept,) int64.

    `dets` (n, 4) as x1, y1, x2, y2; `scores` (n,). A box falls where a kept one of higher score overlaps it by more
    than `iou_threshold` (intersection over union, in [0, 1]). Of equal scores the earlier box comes first.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    alike = (_overlaps(dets[order]) > iou_threshold).cpu().numpy()  # all at once: a loop over tensors is slow
    gone = [False] * len(order)
    kept = []
    for place in range(len(order)):
        if not gone[place]:
            kept.append(place)
            for other in alike[place, place + 1 :].nonzero()[0]:
                gone[place + 1 + other] = True
    return order[torch.tensor(kept, dtype=torch.int64, device=order.device)]


def _overlaps(boxes: torch.Tensor) -> torch.Tensor:
    """Intersection over union of each box (n, 4) with each, (n, n); 0 where both are empty."""
    first, last = boxes[:, None, :2], boxes[:, None, 2:]
    sides = torch.minimum(last, boxes[:, 2:]) - torch.maximum(first, boxes[:, :2])
    shared = sides.clamp(min=0).prod(dim=2)
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    union = sizes[:, None] + sizes - shared
    return torch.where(union > 0, shared / union, torch.zeros_like(shared))


def _define_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(name + _SCHEMA)
    library.impl("nms", nms, "CompositeExplicitAutograd")
    _libraries.append(library)
