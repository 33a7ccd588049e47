"""How much of the fusion network's training is forward and backward passes?

    python -m benchmarks.network_throughput [--cases 300] [--epochs 12] [--rounds 3] [--keep DIR]

The network of any complication on one synthetic draw, processor seconds on one thread. Whole: `fit_network`, with the
measuring of regions, the linear start, batches, augmentation, the optimiser and the last weighing. Bare: forward and
backward passes of the same network over as many batches of the same size, made beforehand. In turn, medians.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.random_labels import DRAW
from benchmarks.recovery import Asked, drawn
from outcome.models.inputs import Inputs
from outcome.models.network.data import stack_cases
from outcome.models.network.learning import fit_network
from outcome.models.network.model import NetworkScorer
from outcome.models.network.steps import Course
from outcome.models.one_thread import one_thread
from outcome.training.data import TrainingData
from outcome.training.learning import rung_preprocessor
from outcome.training.rungs import FUSION, default_ladder
from outcome.training.settings import NetworkSettings, TrainingSettings
from outcome.types import InputSet


def inputs_of(data: TrainingData) -> Inputs:
    """What the fusion network reads of these cases."""
    settings = TrainingSettings()
    rungs = default_ladder(data.columns, data.target.kind, InputSet.WITH_PLAN, settings)
    rung = next(rung for rung in rungs if rung.name == FUSION)
    return data.inputs(rung.algorithm, rung_preprocessor(data, rung, rung.pick(data.columns), settings))


def bare(scorer: NetworkScorer, inputs: Inputs, course: Course) -> float:
    """Processor seconds of forward and backward passes alone, over batches made beforehand."""
    module, design = scorer.module.train(), scorer.design
    stack = stack_cases(inputs, tuple(design.tables), design.images)
    made = [stack.batch(rows) for rows in torch.randperm(len(inputs)).split(course.batch)]
    images = [
        {name: crops.contiguous(memory_format=torch.channels_last_3d) for name, crops in batch.images.items()}
        for batch in made
    ]
    ready = [replace(batch, images=crops) for batch, crops in zip(made, images, strict=True)]
    started = time.process_time()
    for _ in range(course.epochs):
        for batch in ready:
            module.paths(batch)[0].sum().backward()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=Course().epochs)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="keep the draw there and use it again")
    given = parser.parse_args()
    params = {**NetworkSettings().params(), "epochs": given.epochs}
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        data = drawn(folder, DRAW, Asked(folder, given.cases, "full", 1, True, 0.0, True)).data.sorted()
        inputs, wholes, bares = inputs_of(data), [], []
        with threadpool_limits(limits=1), one_thread():
            for _ in range(given.rounds):
                started = time.process_time()
                scorer = fit_network(inputs, data.target, params, seed=0)
                wholes.append(time.process_time() - started)
                bares.append(bare(scorer, inputs, Course.of(params)))
    whole, passes = float(np.median(wholes)), float(np.median(bares))
    print(f"{given.cases} cases, {given.epochs} epochs: whole {whole:.1f} CPU s, bare {passes:.1f} CPU s, ", end="")
    print(f"{passes / whole:.0%} (rounds: {', '.join(f'{b / w:.0%}' for b, w in zip(bares, wholes, strict=True))})")


if __name__ == "__main__":
    main()
