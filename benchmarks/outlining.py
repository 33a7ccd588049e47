"""Where the time goes when a network outlines a volume, how good the memory prediction is, and frames a second.

python -m benchmarks.outlining parts          256x256x128, read to written, each part beside the forward passes
python -m benchmarks.outlining memory         predicted and measured peaks of several families, a process each
python -m benchmarks.outlining half           full precision and bf16 on a network trained on phantoms
python -m benchmarks.outlining stream         frames of 256x256 through `segmentation stream`'s path, stage by stage
python -m benchmarks.outlining passes         a frame's forward pass alone, in both precisions, by one thread and by two
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.frame_stream import passes, stream
from benchmarks.stage_clock import passes_timed
from segmentation.images.reading import read_image
from segmentation.images.writing import mask_bytes, write_image
from segmentation.learning.trainer import first_network
from segmentation.outlining.inference import Outlining, Segmenter, mask_of
from segmentation.outlining.sliding import scores_of
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import prepare_scan
from segmentation.types import Grid, Volume

BLOCKS = SegmenterPlan(
    network="unet_3d", regions={f"region_{n}": n for n in range(1, 25)}, intensity="hu", voxel=(1.25, 1.25, 1.25),
    patch=(64, 64, 64), channels=(16, 32, 64, 128), neighbours=0, steps=1, batch=2, learning_rate=1e-3, seed=0,
)  # fmt: skip
FAMILIES = ("unet_3d", "unet_2d", "residual_unet_3d", "attention_unet_3d", "segnet_2d", "deeplab_3d", "swin_unetr_3d")


def parts() -> None:
    """Processor seconds, which other work on the machine does not change; the passes' share is of all threads."""
    volume, _, _ = phantom(np.random.default_rng(0), PhantomSpec(shape=(256, 256, 128)))
    segmenter = Segmenter(BLOCKS, first_network(BLOCKS))
    image = Volume(volume.array, np.diag([1.0, 1.0, 1.0, 1.0]))
    mask_bytes(segmenter.segment(Volume(image.array[:90, :90, :90], image.affine)))  # compiled, warmed
    times: dict[str, float] = {}

    @contextmanager
    def clock(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        times[name] = time.process_time() - start

    with tempfile.TemporaryDirectory() as folder, passes_timed() as passes:
        path = Path(folder) / "image.nii.gz"
        write_image(image, path)
        wall = time.perf_counter()
        with clock("read"):
            read = read_image(path)
        with clock("resample, scale"):
            prepared = prepare_scan((read,), BLOCKS)
        with clock("windows and sums"):
            scores = scores_of(segmenter.network, prepared, BLOCKS)
        with clock("labels"):
            mask = mask_of(scores, read.grid, BLOCKS)
        with clock("compress, write"):
            path.write_bytes(mask_bytes(mask))
        wall = time.perf_counter() - wall
    times["windows and sums"] -= sum(passes)
    whole, other = sum(times.values()) + sum(passes), sum(times.values())
    print("| part | processor seconds | of all |\n|---|---|---|")
    for name, seconds in {"forward passes": sum(passes), **times, "all but the forward passes": other}.items():
        print(f"| {name} | {seconds:.2f} | {100 * seconds / whole:.1f} % |")
    print(f"| elapsed {wall:.0f} s | {whole:.2f} | |")


def memory() -> None:
    print("| network | predicted | measured peak | ratio |\n|---|---|---|---|")
    for name in FAMILIES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.outlining", "peak", name], capture_output=True, text=True
        )
        print(done.stdout.strip() if done.returncode == 0 else f"| {name} | {done.stderr.strip()[-200:]} |", flush=True)


def peak(name: str) -> None:
    """One family on 160x160x96 in this process: resident memory beyond what stood after a small image."""
    patch = (64, 64, 64) if name.endswith("3d") else (128, 128, 1)
    plan = replace(BLOCKS, network=name, patch=patch, voxel=None)
    segmenter = Segmenter(plan, first_network(plan))
    array = np.random.default_rng(0).normal(size=(160, 160, 96)).astype(np.int16)
    small = resident()
    grid = Grid(array.shape, np.eye(4))
    predicted = segmenter.predicted_bytes(grid)
    segmenter.segment(Volume(array, np.eye(4)))
    measured = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - small
    print(f"| {name} | {predicted / 1e6:,.0f} MB | {measured / 1e6:,.0f} MB | {predicted / measured:.2f} |")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * resource.getpagesize()


def half() -> None:
    from segmentation.learning.training import train_segmenter
    from tests.segmenter_studies import LEARNING, patient, write_cases

    print("| network | full | bf16 | voxels that differ | Dice with truth, full | bf16 |\n|---|---|---|---|---|---|")
    for name in ("unet_3d", "unet_2d"):
        with tempfile.TemporaryDirectory() as folder:
            segmenter = train_segmenter(write_cases(Path(folder), range(6)), LEARNING[name])
        rows = []
        image, truth = patient(9, (96, 96, 64))
        for how in (Outlining(), Outlining(half=True)):
            segmenter.segment(image, how=how)
            start = time.perf_counter()
            mask = segmenter.segment(image, how=how)
            both = (mask.labels > 0) & (truth.labels > 0)
            dice = 2 * both.sum() / ((mask.labels > 0).sum() + (truth.labels > 0).sum())
            rows.append((time.perf_counter() - start, mask.labels, dice))
        differ = float((rows[0][1] != rows[1][1]).mean())
        times = f"{rows[0][0]:.2f} s | {rows[1][0]:.2f} s"
        print(f"| {name} | {times} | {100 * differ:.3f} % | {rows[0][2]:.4f} | {rows[1][2]:.4f} |")


def main() -> int:
    asked = sys.argv[1:2] or ["parts"]
    commands = {"parts": parts, "memory": memory, "half": half, "stream": stream, "passes": passes}
    commands.get(asked[0], lambda: peak(sys.argv[2]))()
    return 0


if __name__ == "__main__":
    sys.exit(main())
