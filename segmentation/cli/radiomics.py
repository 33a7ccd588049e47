"""`segmentation radiomics`: features of one or more regions by IBSI tag."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import typer

from segmentation.cli.answers import existing, refusals, say
from segmentation.device import choose_device
from segmentation.errors import ImageRefusal
from segmentation.images.grids import grid_differences, locate
from segmentation.images.reading import read_header, read_image, read_mask
from segmentation.radiomics import Features, Reasons, measure_all
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.processing import reading_window
from segmentation.radiomics.settings import TEXTURES, RadiomicsSettings, read_settings
from segmentation.types import MAX_LABEL, Grid, Mask, Window

WHOLE_MASK = "region"
_FLAT = 2.0  # longest over shortest edge of a voxel
Profile = Literal["ibsi", "pyradiomics"]
T = TypeVar("T")


def radiomics(
    image: Annotated[Path, typer.Argument(help="image the mask was drawn on, .nii or .nii.gz")],
    mask: Annotated[Path, typer.Argument(help="mask, .nii or .nii.gz")],
    region: Annotated[
        list[str] | None, typer.Option(help="NAME=LABEL; repeat for several (with --settings or --profile: all labels)")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML file: grid, bins, families; without it shape and intensity as filed")
    ] = None,
    profile: Annotated[
        Profile | None,
        typer.Option(help="ibsi: all families; pyradiomics: replays PyRadiomics 3.0.1 (also a key of the settings)"),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu or cuda: all regions at once on a GPU (with --settings or --profile ibsi)")
    ] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Print the features of one or more regions by IBSI tag; on stderr those that cannot be had, with the reason.

    Example: segmentation radiomics ct.nii.gz mask.nii.gz --settings configs/ibsi/config_c.yaml --json
    Old models: segmentation radiomics ct.nii.gz mask.nii.gz --profile pyradiomics --json
    """
    regions = dict(parse_region(text) for text in region or [])
    _check_choice(profile, settings, regions)
    with refusals():
        if settings is None and profile is None:
            found = _as_filed(image, mask, regions)
        else:
            found = _processed((image, mask), regions, _chosen(settings, profile), choose_device(device))
    for name, reason in _flat({name: reasons for name, (_, reasons) in found.items()}).items():
        say(f"{name}: {reason}")
    features = _flat({name: values for name, (values, _) in found.items()})
    if as_json:
        typer.echo(json.dumps({"features": features}, indent=1))
    else:
        typer.echo("\n".join(f"{name}\t{value:.6g}" for name, value in features.items()))


def _check_choice(profile: Profile | None, settings: Path | None, regions: dict[str, int]) -> None:
    if profile is None and settings is None and not regions:
        raise typer.BadParameter("name a region (--region), a settings file (--settings) or a profile (--profile)")
    if profile == "pyradiomics" and settings is not None:
        raise typer.BadParameter("profile pyradiomics replays fixed settings: leave out --settings")


def _chosen(path: Path | None, profile: Profile | None) -> RadiomicsSettings:
    settings = settings_of(path) if profile != "pyradiomics" else RadiomicsSettings(profile=profile)
    if profile is not None and settings.profile != profile:
        raise typer.BadParameter(f"the settings file says profile {settings.profile}: leave out --profile")
    return settings


def settings_of(path: Path | None) -> RadiomicsSettings:
    """Settings from a file, or the defaults."""
    return RadiomicsSettings() if path is None else read_settings(existing(path, "the settings file"))


def parse_region(text: str) -> tuple[str, int]:
    """NAME=LABEL as name and label; a usage error (exit code 2) for anything else."""
    name, _, label = text.partition("=")
    if not name or not label.isdigit():
        raise typer.BadParameter(f"expected NAME=LABEL with a whole number, found {text!r}")
    return name, int(label)


def _as_filed(image_path: Path, mask_path: Path, regions: dict[str, int]) -> dict[str, tuple[Features, Reasons]]:
    mask = read_mask(mask_path, regions)
    image = read_image(image_path, window=_place(mask, read_header(image_path).grid))
    return measure_all(mask, image)


def _processed(
    files: tuple[Path, Path], regions: dict[str, int], settings: RadiomicsSettings, device: str
) -> dict[str, tuple[Features, Reasons]]:
    image_path, mask_path = files
    mask = read_regions(mask_path, regions)
    whole = read_header(image_path).grid
    _place(mask, whole)
    _tell_flat_voxels(settings, whole)
    image = read_image(image_path, window=reading_window(settings, mask.grid, whole))
    if device != "cpu":
        from segmentation.radiomics.batched import measure_regions  # torch takes seconds to import

        return measure_regions(settings, image, mask, whole, device)
    return {name: measure_with(settings, image, mask, name, whole) for name in mask.regions}


def _place(mask: Mask, image: Grid) -> Window:
    """Where the mask's crop lies in the image; a refusal says in which ways the two files' grids differ, in mm."""
    try:
        return locate(mask.grid, image)
    except ImageRefusal as error:
        found = "; ".join(grid_differences(mask.source or mask.grid, image)) or error.found
        found += f"; corners up to {_corner_gap_mm(mask.source or mask.grid, image):.1f} mm apart"
        raise ImageRefusal(
            error.code, error.message, expected=error.expected, found=found, next_step=error.next_step
        ) from None


def _corner_gap_mm(mask: Grid, image: Grid) -> float:
    """How far the same corner of the two grids lies apart at most, mm."""
    ends = [np.array([*corner, 1.0]) for corner in product((0, 1), repeat=3)]
    corners = [[grid.affine @ (end * [*(n - 1 for n in grid.shape), 1]) for end in ends] for grid in (mask, image)]
    return float(np.linalg.norm(np.array(corners[0]) - np.array(corners[1]), axis=1).max())


def _tell_flat_voxels(settings: RadiomicsSettings, whole: Grid) -> None:
    """IBSI counts neighbours in voxels: with thick slices those of the next slice lie far away."""
    spacing = whole.spacing_mm
    in_space = "3D" in settings.texture.dimensions and any(family in TEXTURES for family in settings.families)
    if in_space and settings.grid.spacing_mm is None and max(spacing) > _FLAT * min(spacing):
        size = " x ".join(f"{step:.3g}" for step in spacing)
        say(
            f"note: texture in space on voxels of {size} mm counts far neighbours like near ones; "
            "resample (grid.spacing_mm) or measure by slice (texture.dimensions: [2D])"
        )


def read_regions(path: Path, regions: dict[str, int]) -> Mask:
    """The named regions of a mask, or all its labels together as one."""
    return read_mask(path, regions) if regions else _all_labels(path)


def _all_labels(path: Path) -> Mask:
    """Every voxel that is not background as one region."""
    mask = read_mask(path, {str(label): label for label in range(1, MAX_LABEL + 1)})
    return Mask((mask.labels > 0).astype(np.uint8), mask.affine, {WHOLE_MASK: 1}, mask.source, mask.offset)


def _flat(by_region: Mapping[str, Mapping[str, T]]) -> dict[str, T]:
    """By tag for one region, by `<region>.<tag>` for several."""
    if len(by_region) == 1:
        return dict(next(iter(by_region.values())))
    return {f"{name}.{tag}": value for name, found in by_region.items() for tag, value in found.items()}
