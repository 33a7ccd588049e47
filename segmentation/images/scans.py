"""An image as networks read it: one channel or several on one grid, from one file or one a channel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segmentation.errors import ImageRefusal
from segmentation.images.grids import grid_differences
from segmentation.images.reading import read_channels, read_header
from segmentation.types import Grid, Volume

Scan = tuple[Volume, ...]  # one or more channels, all on one grid


def read_scan(files: Sequence[Path]) -> Scan:
    """The channels of an image, in the order of its files; a 4-D file holds several.

    Raises ImageRefusal as `read_image`, and `grid_mismatch` where the files do not lie on one grid.
    """
    if len(files) != 1:
        _check_one_grid(files, [read_header(path, many=True).grid for path in files])
    return tuple(channel for path in files for channel in read_channels(path))


def scan_grid(files: Sequence[Path]) -> Grid:
    """The grid of an image's channels, from the headers alone. Raises as `read_scan`."""
    grids = [read_header(path, many=True).grid for path in files]
    _check_one_grid(files, grids)
    return grids[0]


def channel_count(files: Sequence[Path]) -> int:
    """How many channels the files hold, from the headers alone."""
    return sum(read_header(path, many=True).channels for path in files)


def _check_one_grid(files: Sequence[Path], grids: Sequence[Grid]) -> None:
    if not files:
        raise ImageRefusal("missing_image", "The case has no image.", expected="one file or more", found="none")
    for path, grid in zip(files, grids, strict=True):
        found = grid_differences(grid, grids[0])
        if found:
            raise ImageRefusal(
                "grid_mismatch",
                f"{path.name} does not lie on the grid of {files[0].name}.",
                expected="channels of one shape, spacing, direction and origin",
                found="; ".join(found),
                next_step="register and resample the channels to one grid first",
            )
