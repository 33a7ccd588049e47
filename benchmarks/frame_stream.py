"""How long frames of 256x256 take from file to mask's file, where that goes, and the forward pass alone."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.stage_clock import passes_timed, stages_timed
from segmentation.images.writing import write_image
from segmentation.learning.trainer import first_network
from segmentation.outlining.frames import WARM_UP, latency_ms, outline_frames
from segmentation.outlining.inference import Outlining, Segmenter
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Volume

FRAME = SegmenterPlan(
    network="unet_2d", regions={"head": 1}, intensity="z_score", voxel=None, patch=(256, 256, 1),
    channels=(8, 16, 32, 64), neighbours=0, steps=1, batch=2, learning_rate=1e-3, seed=0,
)  # fmt: skip
STREAMED = (
    ((4, 8, 16, 32), Outlining()), ((8, 16, 32, 64), Outlining()), ((16, 32, 64, 128, 256), Outlining()),
    ((16, 32, 64, 128, 256), Outlining(half=True)),
)  # fmt: skip


def stream() -> None:
    """Frames of noise: an untrained network draws specks on them, which compress worst."""
    heads = ("network", "precision", "parameters", "frames", "p50", "p95", "p99", "slowest", "processor time a frame")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    columns: dict[str, dict[str, float]] = {}
    for channels, how in STREAMED:
        plan = replace(FRAME, channels=channels)
        segmenter = Segmenter(plan, first_network(plan))
        with tempfile.TemporaryDirectory() as folder:
            found, spent = _streamed(segmenter, Path(folder), how)
        size = sum(p.numel() for p in segmenter.network.parameters())
        words = " | ".join(f"{found[key]:.1f} ms" for key in ("p50_ms", "p95_ms", "p99_ms", "slowest_ms"))
        name, precision = f"unet_2d {channels}", "bf16" if how.half else "full"
        print(f"| {name} | {precision} | {size:,} | {found['frames']} | {words} | {spent['all']:.1f} ms |", flush=True)
        columns[f"{name} {precision}"] = spent
    print("\n| processor ms a frame | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for stage in next(iter(columns.values())):
        print(f"| {stage} | " + " | ".join(f"{column[stage]:.2f}" for column in columns.values()) + " |")


def _streamed(segmenter: Segmenter, folder: Path, how: Outlining) -> tuple[dict, dict[str, float]]:
    """Latencies, and processor ms a frame of each stage; the process is warm before the stages count."""
    rng = np.random.default_rng(0)
    paths = [folder / f"frame_{n:03d}.nii.gz" for n in range(63)]
    for path in paths:
        write_image(Volume(rng.integers(0, 255, (256, 256, 1)).astype(np.uint8), np.eye(4)), path)
    for _ in outline_frames(segmenter, paths[:WARM_UP], folder / "warm", how):
        pass
    with passes_timed() as forward, stages_timed() as stages:
        start = time.process_time()
        seconds = [one.seconds for one in outline_frames(segmenter, paths, folder / "masks", how)]
        whole = time.process_time() - start
    stages["windows and sums"] -= sum(forward)
    other = whole - sum(forward)
    stages = {"forward pass": sum(forward), **stages, "the rest": other - sum(stages.values())}
    spent = {**stages, "all but the forward pass": other, "all": whole}
    return latency_ms(seconds), {stage: 1000 * one / len(paths) for stage, one in spent.items()}


def passes() -> None:
    """The least wall time of some, nearest to what free cores give, and the processor's median."""
    print("| network | parameters | precision | threads | least wall | median processor |\n|---|---|---|---|---|---|")
    before = torch.get_num_threads()
    for channels in dict.fromkeys(channels for channels, _ in STREAMED):
        plan = replace(FRAME, channels=channels)
        network = first_network(plan).eval()
        size = sum(p.numel() for p in network.parameters())
        for half, threads in product((False, True), (1, 2)):
            torch.set_num_threads(threads)
            wall, processor = _pass_ms(network, half)
            precision = "bf16" if half else "full"
            print(f"| unet_2d {channels} | {size:,} | {precision} | {threads} | {wall:.1f} ms | {processor:.1f} ms |")
    torch.set_num_threads(before)


def _pass_ms(network: nn.Module, half: bool) -> tuple[float, float]:
    frame, walls, processors = torch.rand(1, 1, 256, 256), [], []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half, cache_enabled=False):
        for _ in range(23):
            wall, processor = time.perf_counter(), time.process_time()
            network(frame)
            walls.append(time.perf_counter() - wall)
            processors.append(time.process_time() - processor)
    return 1000 * min(walls), 1000 * float(np.median(processors[3:]))
