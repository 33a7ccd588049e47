"""What do all features of a region cost: on the IBSI CT phantom, beside peers, and as regions grow?

[OUTCOME_REAL_DATA=…] python -m benchmarks.radiomics [--peers PYTHON]

Without real data the balls alone are measured.

`--peers` is the Python of another environment that holds PyRadiomics 3.0.1 and flash-radiomics 1.0.0; each is timed
in a process of its own, in the same run. Everything is warm: compiled, and read before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from ctypes import CDLL
from functools import partial
from pathlib import Path

import numpy as np

from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.robustness.perturbations import draw_perturbations, perturbed
from segmentation.radiomics.settings import BinSettings, RadiomicsSettings
from segmentation.types import Mask, Volume

REPEATS = 7
BINS = RadiomicsSettings(discretisation=BinSettings(method="fixed_bin_size", value=25.0))
PHANTOM = "ibsi/ibsi_1_ct_radiomics_phantom/nifti"
BODY_HU = -400
PERTURBATIONS, AROUND_MM = 50, 10.0  # the ball of local intensity needs 6.2 mm around
PEERS_FAMILIES = ("shape", "intensity", "histogram", "cm", "rlm", "szm", "ngt", "ngl")
PEERS = {
    "PyRadiomics": "from radiomics import featureextractor as f",
    "flash-radiomics": "from flash_radiomics import featureextractor as f",
}
PEER = """
import logging, statistics, sys, time
{load}
logging.disable(logging.CRITICAL)
import SimpleITK as sitk
work = f.RadiomicsFeatureExtractor()
image, mask = sitk.ReadImage(sys.argv[1]), sitk.ReadImage(sys.argv[2])
work.execute(image, mask, label=int(sys.argv[3]))
wall, cpu = [], []
for _ in range(int(sys.argv[4])):
    a, b = time.perf_counter(), time.process_time()
    found = work.execute(image, mask, label=int(sys.argv[3]))
    wall.append(time.perf_counter() - a); cpu.append(time.process_time() - b)
print(statistics.median(wall), statistics.median(cpu), sum(not k.startswith("diagnostics") for k in found))
"""


def timed(work: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Median seconds on the wall and of the processor."""
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        a, b = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - a)
        cpu.append(time.process_time() - b)
    return statistics.median(wall), statistics.median(cpu)


def phantom_rows(image: Volume, mask: Mask, what: str) -> None:
    """All 3-D features with and without spatial autocorrelation."""
    for spatial in (False, True):
        settings = BINS.model_copy(update={"spatial_autocorrelation": spatial})
        n = len(measure_with(settings, image, mask, "tumour")[0])
        wall, cpu = timed(partial(measure_with, settings, image, mask, "tumour"))
        name = "with" if spatial else "without"
        print(f"| {what}, {name} spatial autocorrelation | {n} | {wall:.3f} | {cpu:.3f} |", flush=True)


def common_row(image: Volume, mask: Mask) -> None:
    """The families that the peers offer too."""
    settings = BINS.model_copy(update={"spatial_autocorrelation": False, "families": PEERS_FAMILIES})
    n = len(measure_with(settings, image, mask, "tumour")[0])
    wall, cpu = timed(partial(measure_with, settings, image, mask, "tumour"))
    print(f"| the same, families that peers offer too | {n} | {wall:.3f} | {cpu:.3f} |", flush=True)


def peer_row(python: str, name: str, files: tuple[Path, Path], label: int) -> None:
    """One peer's own default features, by its own clock."""
    words = [python, "-c", PEER.format(load=PEERS[name]), *map(str, files), str(label), str(REPEATS)]
    with tempfile.TemporaryDirectory() as elsewhere:  # one of them leaves files where it runs
        answer = subprocess.run(words, capture_output=True, text=True, check=False, cwd=elsewhere)
    if answer.returncode:
        print(f"| {name} | did not run: {answer.stderr.strip().splitlines()[-1][:80]} | | |")
        return
    wall, cpu, n = answer.stdout.split()[-3:]
    print(f"| {name}, its defaults | {n} | {float(wall):.3f} | {float(cpu):.3f} |", flush=True)


def body(image: Volume) -> Mask:
    """Everything denser than air: a large region."""
    labels = (np.asarray(image.array) > BODY_HU).astype(np.uint8)
    return Mask(labels, image.affine, {"tumour": 1})


def perturbations_row(image: Volume, mask: Mask) -> None:
    """Fifty perturbations of image and mask, each measured whole, without spatial autocorrelation."""
    settings = BINS.model_copy(update={"spatial_autocorrelation": False})
    start = time.perf_counter()
    pairs = perturbed(image, mask, "tumour", draw_perturbations(PERTURBATIONS, 1), around_mm=AROUND_MM)
    n = sum(len(measure_with(settings, shaken, outline, "tumour")[0]) > 0 for shaken, outline in pairs if shaken)
    print(
        f"\n{n} perturbations of the phantom's tumour, each measured: {time.perf_counter() - start:.1f} s\n", flush=True
    )


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that a call takes at its peak, beyond what the process held before (Linux)."""
    CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # sets the peak back
    before = _status("VmRSS")
    work()
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def ball(voxels: int) -> tuple[Volume, Mask]:
    """A ball of about so many voxels in noise, 1 mm apart."""
    radius = (3 * voxels / (4 * np.pi)) ** (1 / 3)
    size = int(2 * radius) + 4
    axes = np.ogrid[:size, :size, :size]
    inside = sum((axis - size / 2) ** 2 for axis in axes) < radius**2
    noise = np.random.default_rng(1).normal(40, 60, inside.shape).round().astype(np.float32)
    return Volume(noise, np.eye(4)), Mask(inside.astype(np.uint8), np.eye(4), {"tumour": 1})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PYTHON", default="")
    asked = parser.parse_args()
    if "OUTCOME_REAL_DATA" in os.environ:
        phantom(Path(os.environ["OUTCOME_REAL_DATA"]) / PHANTOM, asked.peers)
    balls()


def phantom(folder: Path, peers: str) -> None:
    """Seconds on the CT phantom, with peers where they are at hand, and 50 perturbations."""
    files = next((folder / "image").iterdir()), next((folder / "mask").iterdir())
    image, label = read_image(files[0]), 1
    mask = read_mask(files[1], {"tumour": label})
    print("| region | features | wall s | CPU s |\n|---|---|---|---|")
    phantom_rows(image, mask, "phantom's tumour, 125,256 voxels")
    common_row(image, mask)
    for name in PEERS if peers else ():
        peer_row(peers, name, files, label)
    large = body(image)
    phantom_rows(image, large, f"body, {int(np.sum(large.labels)):,} voxels")
    perturbations_row(image, mask)


def balls() -> None:
    """Seconds and peak memory as a region grows."""
    print("| voxels of a ball | wall s | CPU s | µs a voxel | peak memory, boxes of float32 |\n|---|---|---|---|---|")
    for power in (4, 5, 6, 7):
        volume, region = ball(10**power)
        settings = BINS.model_copy(update={"spatial_autocorrelation": False})
        work = partial(measure_with, settings, volume, region, "tumour")
        wall, cpu = timed(work, 3)
        peak = peak_of(work) / (4 * np.asarray(volume.array).size)
        print(f"| {10**power:,} | {wall:.3f} | {cpu:.3f} | {1e6 * cpu / 10**power:.2f} | {peak:.1f} |", flush=True)


if __name__ == "__main__":
    main()
