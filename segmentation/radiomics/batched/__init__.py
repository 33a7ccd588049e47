"""The same measurements for many regions or perturbations at once, with torch: on a GPU, or on the processor.

What is counted over voxels is counted on the device, in whole numbers; the formulas are those of the rest of the
package. So features agree with `measure_with`: those of counts to the last bits, those of sums of intensities to 1e-9.
torch is imported here and nowhere else in `segmentation.radiomics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext

from segmentation.device import choose_device, reproducible
from segmentation.radiomics.batched.budget import batch_bytes, bytes_needed
from segmentation.radiomics.batched.measuring import measure_counted
from segmentation.radiomics.batched.statistics import Found
from segmentation.radiomics.batched.tissue import tissue_mm
from segmentation.radiomics.measuring import measure_prepared, measure_with, nothing_found, prepared_region
from segmentation.radiomics.processing import PreparedRegion
from segmentation.radiomics.robustness.perturbations import Perturbation, perturbed
from segmentation.radiomics.settings import RadiomicsSettings
from segmentation.types import Grid, Mask, Volume

Case = tuple[Volume, Mask, str, Grid | None]


def measure_batch(
    settings: RadiomicsSettings,
    pairs: Iterable[tuple[Volume, Mask]],
    region: str,
    device: str = "cpu",
    budget: int | None = None,
) -> list[Found]:
    """What `measure_with` gives for one region in each pair of image and mask, in their order.

    `device`: "cpu", "cuda" or "auto". Pairs are drawn one by one and measured together as far as `budget` (bytes;
    default: a part of what is free) allows. Raises what `measure_with` raises, and ImageRefusal (`no_gpu`).
    """
    return _measured(settings, ((image, mask, region, None) for image, mask in pairs), device, budget)


def measure_regions(
    settings: RadiomicsSettings, image: Volume, mask: Mask, whole: Grid | None = None, device: str = "cpu"
) -> dict[str, Found]:
    """What `measure_with` gives for every region that a mask names, by its name."""
    cases = ((image, mask, name, whole) for name in mask.regions)
    return dict(zip(mask.regions, _measured(settings, cases, device, None), strict=True))


def measure_perturbed(
    settings: RadiomicsSettings,
    image: Volume,
    mask: Mask,
    region: str,
    perturbations: Sequence[Perturbation],
    device: str = "cpu",
) -> list[Found]:
    """What `measure_with` gives for a region as each of some perturbations shows it, in their order.

    With what filters and local intensity see around the region. Raises what `perturbed` raises.
    """
    pairs = perturbed(image, mask, region, perturbations, tissue_mm(settings, image.grid))
    return measure_batch(settings, ((shaken, outline) for shaken, outline in pairs if shaken), region, device)


def _measured(settings: RadiomicsSettings, cases: Iterable[Case], device: str, budget: int | None) -> list[Found]:
    device = choose_device(device)
    if settings.profile != "ibsi":
        return [measure_with(settings, *case) for case in cases]
    prepared = (prepared_region(settings, *case) for case in cases)
    limit = batch_bytes(device) if budget is None else budget
    # Threads of one operator wait for each other: on shared cores that costs far more than it saves.
    with reproducible() if device == "cpu" else nullcontext():
        return [found for batch in _batches(prepared, limit) for found in _together(settings, batch, device)]


def _batches(prepared: Iterable[PreparedRegion | None], limit: int) -> Iterator[list[PreparedRegion | None]]:
    """As many regions at a time as need no more than `limit` bytes; a larger one comes alone."""
    batch: list[PreparedRegion | None] = []
    taken = 0
    for region in prepared:
        needed = bytes_needed(region)
        if batch and taken + needed > limit:
            yield batch
            batch, taken = [], 0
        batch.append(region)
        taken += needed
    if batch:
        yield batch


def _together(settings: RadiomicsSettings, batch: Sequence[PreparedRegion | None], device: str) -> list[Found]:
    kept = [region for region in batch if region is not None and region.intensity.any()]
    counted = iter(measure_counted(settings, kept, device) if kept else [])
    return [_one(settings, region, counted) for region in batch]


def _one(settings: RadiomicsSettings, region: PreparedRegion | None, counted: Iterator[Found]) -> Found:
    """The next of `counted` for a region that keeps a voxel."""
    if region is None:
        return nothing_found(settings)
    return next(counted) if region.intensity.any() else measure_prepared(settings, region)
