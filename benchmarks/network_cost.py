"""What each segmentation network costs on a real data set: parameters, time of a training step, memory of a window.

python -m benchmarks.network_cost $OUTCOME_REAL_DATA/msd_hippocampus [NETWORK ...]

One thread, full precision, the plan that the data and `configs/segmentation/<network>.yaml` give. Memory is the highest
resident size while a group of windows is outlined, less the size before.
"""

from __future__ import annotations

import ctypes
import gc
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segmentation.augmentation.augment import cut, draw_variation
from segmentation.datasets.decathlon import decathlon_cases, is_ct, label_names
from segmentation.learning.losses import CRITERIA, loss_of
from segmentation.learning.sources import read_sources
from segmentation.learning.training import first_network
from segmentation.networks import NETWORKS
from segmentation.networks.randomness import drawing
from segmentation.outlining.sliding import SLICES, together
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import completed, read_plan
from segmentation.planning.rules import Survey, default_plan, survey

CONFIGS = Path(__file__).parents[1] / "configs" / "segmentation"
CASES, STEPS = 4, 2


def plan_of(name: str, found: list[Survey], data: Path) -> SegmenterPlan:
    """The network's plan on these data."""
    derived = default_plan(found, network=name, regions=label_names(data), ct=is_ct(data))
    file = CONFIGS / f"{name}.yaml"
    return completed(read_plan(file), derived) if file.exists() else derived


def step_seconds(network: nn.Module, plan: SegmenterPlan, found: list[Survey]) -> float:
    """Median processor seconds of a step's forward and backward pass over the plan's batch."""
    sources = read_sources([one.case for one in found], plan)
    rng = np.random.default_rng(0)
    chosen = [sources[n % len(sources)] for n in range(plan.batch)]
    pairs = [cut(source, plan, draw_variation(source, plan, rng)) for source in chosen]
    image, classes = (torch.stack(part) for part in zip(*pairs, strict=True))
    seconds = []
    for _ in range(1 + STEPS):
        start = time.process_time()
        with drawing(0):
            loss = loss_of(network.train(), image, classes, CRITERIA[plan.loss])
        loss.backward()
        network.zero_grad()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:])


def window_floats(network: nn.Module, plan: SegmenterPlan) -> float:
    """Numbers held at once for each voxel of a window."""
    count = SLICES if plan.dimensions == 2 else together(plan)
    image = torch.randn(count, plan.channels_read, *plan.patch[: plan.dimensions])
    network.eval()
    with torch.inference_mode():
        network(image)
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the highest size so far is forgotten
        before = _kilobytes("VmRSS")
        network(image)
    return (_kilobytes("VmHWM") - before) * 1024 / 4 / (count * math.prod(plan.patch))


def _kilobytes(name: str) -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(lines[name].split()[0])


def row(name: str, data: Path) -> str:
    """The network's line of the table."""
    found = [survey(case) for case in decathlon_cases(data)[:CASES]]
    plan = plan_of(name, found, data)
    network = first_network(plan)
    count = sum(parameter.numel() for parameter in network.parameters())
    held, seconds = window_floats(network, plan), step_seconds(network, plan, found)
    sides = "×".join(str(n) for n in plan.patch[: plan.dimensions])
    predicted = NETWORKS[name].held_floats(plan)
    return f"| {name} | {count:,} | {sides} | {plan.batch} | {seconds:.2f} | {held:.0f} | {predicted:.0f} |"


def main() -> None:
    torch.set_num_threads(1)
    data, words = Path(sys.argv[1]), sys.argv[2:]
    if len(words) == 1 and words[0] in NETWORKS:
        print(row(words[0], data), flush=True)
        return
    print(
        "| network | parameters | patch | batch | step, CPU s | held | predicted |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    for name in words or NETWORKS:  # in a process each, so that none finds the memory that another left
        subprocess.run([sys.executable, "-m", "benchmarks.network_cost", str(data), name], check=True)


if __name__ == "__main__":
    main()
