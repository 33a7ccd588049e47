"""Can each segmentation network learn two real cases by heart: the steps and processor seconds to a Dice of 0.95.

python -m benchmarks.two_cases $OUTCOME_REAL_DATA/msd_hippocampus [NETWORK ...]

One thread, no augmentation, the plan that the data and `configs/segmentation/<network>.yaml` give; Dice is the mean
over regions and both cases, on the network's own voxels. A network that cannot is too small, or wired wrongly.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.network_cost import plan_of
from segmentation.augmentation.settings import AUGMENTATIONS
from segmentation.datasets.layouts import read_dataset
from segmentation.learning.judging import held_out_score
from segmentation.learning.sources import read_sources
from segmentation.learning.trainer import trainer_of
from segmentation.networks import NETWORKS
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.rules import Survey, survey
from segmentation.scarce_labels.lesson import Beginning

ENOUGH = 0.95
MOST, BETWEEN = 600, 20  # steps at most, and between two looks


def by_heart(plan: SegmenterPlan, found: list[Survey]) -> tuple[float, int, float]:
    """The best Dice, the steps until then, and the processor seconds of all."""
    start, best, taken = time.process_time(), 0.0, 0
    beginning = Beginning(read_sources([one.case for one in found], plan))
    with trainer_of(plan, beginning, "cpu") as trainer:
        for step in range(MOST):
            trainer.step(step)
            if (step + 1) % BETWEEN:
                continue
            score = held_out_score(trainer.judged, trainer.sources, plan, trainer.criterion, "cpu")
            if score > best:
                best, taken = score, step + 1
            if best >= ENOUGH:
                break
    return best, taken, time.process_time() - start


def main() -> None:
    torch.set_num_threads(1)
    data = Path(sys.argv[1])
    found = [survey(case) for case in read_dataset(data).cases[:2]]
    print("| network | Dice | after steps | CPU s |\n|---|---|---|---|")
    for name in sys.argv[2:] or NETWORKS:
        plan = plan_of(name, found, data)
        plan = replace(plan, augmentation=AUGMENTATIONS["none"], schedule="constant", ema=0.0, steps=MOST)
        dice, steps, seconds = by_heart(plan, found)
        print(f"| {name} | {dice:.3f} | {steps} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
