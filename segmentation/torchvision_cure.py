"""Lets torchvision be imported beside a torch that its compiled operators do not fit.

torchvision's published wheels link CUDA libraries. Beside a CPU-only torch its operators cannot be loaded, and then
`import torchvision` (and with it timm, lightning and torchmetrics) ends in `operator torchvision::nms does not exist`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")
# A library whose handle is collected takes its operators with it.
_libraries: list[torch.library.Library] = []


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
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[_overlap(dets[best], dets[rest]) <= iou_threshold]
    return torch.tensor(kept, dtype=torch.int64, device=dets.device)


def _overlap(box: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection over union of one box (4,) with others (n, 4); 0 where both are empty."""
    sides = torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])
    shared = sides.clamp(min=0).prod(dim=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(dim=1) - shared
    return torch.where(union > 0, shared / union, torch.zeros_like(shared))


def _define_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(name + _SCHEMA)
    library.impl("nms", nms, "CompositeExplicitAutograd")
    _libraries.append(library)
