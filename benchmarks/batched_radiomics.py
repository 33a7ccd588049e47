"""What do many regions at once cost with torch, beside the kernels of the processor one by one?

OUTCOME_REAL_DATA=… python -m benchmarks.batched_radiomics [--count N]

Milliseconds a region, on the wall / of the processor: perturbations of the IBSI CT phantom's tumour, made before the
clock starts. Both ways measure all 3-D features but spatial autocorrelation, warm, in one process, one after the other;
on a GPU too where one is at hand. Values are compared in the same run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.radiomics import AROUND_MM, BINS, PERTURBATIONS, PHANTOM, timed
from segmentation.images.reading import read_image, read_mask
from segmentation.radiomics.batched import measure_batch
from segmentation.radiomics.measuring import Found, measure_with
from segmentation.radiomics.robustness.perturbations import draw_perturbations, perturbed
from segmentation.radiomics.settings import ALL_FAMILIES, TEXTURES, RadiomicsSettings
from segmentation.types import Mask, Volume

REPEATS = 3
REGION = "tumour"
GROUPS = {
    "all families": ALL_FAMILIES,
    "surface and hull": ("shape", "enclosing"),
    "intensity statistics and volume histogram": ("intensity", "volume_histogram"),
    "local intensity": ("local_intensity",),
    "texture": TEXTURES,
}
Pairs = Sequence[tuple[Volume, Mask]]
Way = Callable[[RadiomicsSettings, Pairs], list[Found]]


def one_by_one(settings: RadiomicsSettings, pairs: Pairs) -> list[Found]:
    """The kernels of the processor."""
    return [measure_with(settings, image, mask, REGION) for image, mask in pairs]


def together(device: str) -> Way:
    """The batch on a device."""
    return lambda settings, pairs: measure_batch(settings, pairs, REGION, device)


def ways() -> dict[str, Way]:
    """What is at hand here."""
    found: dict[str, Way] = {"one by one, numba": one_by_one, "together, torch on the processor": together("cpu")}
    if torch.cuda.is_available():
        found[f"together, torch on {torch.cuda.get_device_name()}"] = together("cuda")
    return found


def milliseconds(way: Way, settings: RadiomicsSettings, pairs: Pairs) -> str:
    """For one region on the wall and of the processor, medians of the repeats."""
    wall, cpu = timed(lambda: way(settings, pairs), REPEATS)
    return f"{1000 * wall / len(pairs):.0f} / {1000 * cpu / len(pairs):.0f}"


def largest_difference(found: Sequence[Found], expected: Sequence[Found]) -> tuple[int, int, float]:
    """Values, how many are not equal to the last bit, and the largest relative difference."""
    both = [(a, expected[n][0][tag]) for n, (features, _) in enumerate(found) for tag, a in features.items()]
    apart = [abs(a - b) / max(abs(a), abs(b)) for a, b in both if a != b]
    return len(both), len(apart), max(apart, default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=PERTURBATIONS)
    count = parser.parse_args().count
    folder = Path(os.environ["OUTCOME_REAL_DATA"]) / PHANTOM
    image = read_image(next((folder / "image").iterdir()))
    mask = read_mask(next((folder / "mask").iterdir()), {REGION: 1})
    shaken = perturbed(image, mask, REGION, draw_perturbations(count, 1), around_mm=AROUND_MM)
    pairs = [(changed, outline) for changed, outline in shaken if changed is not None]
    print("| way | " + " | ".join(GROUPS) + " |\n|---|" + "---|" * len(GROUPS))
    plain = BINS.model_copy(update={"spatial_autocorrelation": False})
    for name, way in ways().items():
        times = [milliseconds(way, plain.model_copy(update={"families": group}), pairs) for group in GROUPS.values()]
        print(f"| {name} | " + " | ".join(times) + " |", flush=True)
    expected = one_by_one(plain, pairs)
    for name, way in ways().items():
        n, apart, most = largest_difference(way(plain, pairs), expected)
        print(f"{name}: {apart} of {n} values differ, the most by {most:.1e} of their size", flush=True)


if __name__ == "__main__":
    main()
