"""Masks that a data set keeps in another form than one label file: read as masks when they are asked for, in memory.

Nothing is written: the files of a data set stay as they are, and no copy of them can grow stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.errors import ImageRefusal
from segmentation.images.grids import grid_differences
from segmentation.images.pictures import read_picture_header, read_picture_mask
from segmentation.images.reading import is_picture, read_header, read_mask
from segmentation.images.writing import crop_to_regions
from segmentation.learning.training_case import MaskSource
from segmentation.types import Grid, Mask

Labels = npt.NDArray[np.uint16]
_ONE = {"one": 1}


@dataclass(frozen=True)
class DrawnOn:
    """A mask picture with the picture it was drawn on, whose pixel size it takes and whose size and turn it must have:
    pictures do not say where a part of them lies."""

    file: Path
    image: Path

    def read(self, regions: Mapping[str, int]) -> Mask:
        image = read_picture_header(self.image, many=True)
        mask = read_picture_mask(self.file, regions, on=image)
        check_same(self.file, mask, image.grid)
        return mask


@dataclass(frozen=True)
class Outline:
    """A closed line drawn on a picture: the mask is what it encloses, and the line itself."""

    file: Path
    image: Path

    def read(self, regions: Mapping[str, int]) -> Mask:
        line = whole(DrawnOn(self.file, self.image).read(_ONE))
        filled = ndimage.binary_fill_holes(line.labels[:, :, 0])[:, :, None]
        return crop_to_regions(Mask(filled.astype(np.uint8), line.affine, regions))


@dataclass(frozen=True)
class Votes:
    """How many readers outlined a pixel, as the pixel's value: the mask is where at least so many did."""

    file: Path
    image: Path
    at_least: int = 2

    def read(self, regions: Mapping[str, int]) -> Mask:
        every = {str(votes): votes for votes in range(1, 255)}
        counted = whole(DrawnOn(self.file, self.image).read(every))
        return crop_to_regions(Mask((counted.labels >= self.at_least).astype(np.uint8), counted.affine, regions))


@dataclass(frozen=True)
class Pieces:
    """A folder with one mask picture for each structure: the mask is all of them together."""

    folder: Path
    image: Path

    @property
    def file(self) -> Path:
        return self.folder

    def read(self, regions: Mapping[str, int]) -> Mask:
        labels, grid = self.instances()
        return crop_to_regions(Mask((labels > 0).astype(np.uint8), grid.affine, regions))

    def instances(self) -> tuple[Labels, Grid]:
        """A number for each structure by file name, from 1, (I, J, 1), and the picture's grid; where two overlap the
        first keeps its pixels. Raises ImageRefusal (`grid_mismatch`, `no_masks`)."""
        image = read_picture_header(self.image, many=True)
        grid = image.grid
        files = [path for path in sorted(self.folder.iterdir()) if is_picture(path) and not path.name.startswith(".")]
        if not files:
            expected, step = "a picture a structure", "take the image out, or add its masks"
            message = f"{self.folder.parent.name}: The folder of masks is empty."
            raise ImageRefusal("no_masks", message, expected=expected, found="none", next_step=step)
        labels: Labels = np.zeros(grid.shape, dtype=np.uint16, order="F")
        for number, path in enumerate(files, start=1):
            piece = read_picture_mask(path, _ONE, on=image)
            check_same(path, piece, grid)
            window = tuple(slice(o, o + n) for o, n in zip(piece.offset, piece.labels.shape, strict=True))
            place = labels[window]
            place[(place == 0) & (piece.labels > 0)] = number
        return labels, grid


@dataclass(frozen=True)
class Structures:
    """Folders or files that outline one structure each; `labels` gives each its label, later ones lie on top."""

    image: Path
    labels: tuple[tuple[Path, int], ...]

    @property
    def file(self) -> Path:
        return self.labels[0][0]

    def read(self, regions: Mapping[str, int]) -> Mask:
        grid = read_header(self.image, many=True).grid
        labels = np.zeros(grid.shape, dtype=np.uint8, order="F")
        for path, label in self.labels:
            piece = read_mask(path, _ONE)
            check_same(path, piece, grid)
            window = tuple(slice(o, o + n) for o, n in zip(piece.offset, piece.labels.shape, strict=True))
            labels[window][piece.labels > 0] = label
        return crop_to_regions(Mask(labels, grid.affine, regions))


@dataclass(frozen=True)
class Spheres:
    """Places and diameters in mm, as a list of findings gives them: the mask is balls of that size.

    `balls` holds x, y, z in patient coordinates that grow to left, posterior and superior (as DICOM counts), and the
    diameter. A voxel belongs to a ball whose middle is no further than the radius; the nearest voxel always does.
    """

    image: Path
    balls: tuple[tuple[float, float, float, float], ...]

    @property
    def file(self) -> Path:
        return self.image

    def read(self, regions: Mapping[str, int]) -> Mask:
        grid = read_header(self.image).grid
        labels = np.zeros(grid.shape, dtype=np.uint8, order="F")
        spacing = np.array(grid.spacing_mm)
        for x, y, z, diameter in self.balls:
            middle = (np.linalg.inv(grid.affine) @ [-x, -y, z, 1])[:3]
            low = np.clip(np.floor(middle - diameter / 2 / spacing), 0, grid.shape).astype(int)
            high = np.clip(np.ceil(middle + diameter / 2 / spacing) + 1, 0, grid.shape).astype(int)
            window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            away = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
            labels[window][np.linalg.norm((away - middle) * spacing, axis=-1) <= diameter / 2] = 1
            nearest = np.rint(middle).astype(int)
            if ((nearest >= 0) & (nearest < grid.shape)).all():
                labels[tuple(nearest)] = 1
        return crop_to_regions(Mask(labels, grid.affine, regions))


def drawn_on(mask: Path, image: Path) -> Path | MaskSource:
    """A mask file as a case names it: with its image where both are pictures."""
    return DrawnOn(mask, image) if is_picture(mask) and is_picture(image) else mask


def whole(mask: Mask) -> Mask:
    """A cropped mask on its full grid."""
    grid = mask.source or mask.grid
    labels = np.zeros(grid.shape, dtype=mask.labels.dtype, order="F")
    labels[tuple(slice(o, o + n) for o, n in zip(mask.offset, mask.labels.shape, strict=True))] = mask.labels
    return Mask(labels, grid.affine, mask.regions)


def check_same(path: Path, mask: Mask, grid: Grid) -> None:
    """Raises ImageRefusal (`grid_mismatch`) where a mask has another grid than the image it belongs to."""
    found = grid_differences(mask.source or mask.grid, grid)
    if found:
        raise ImageRefusal(
            "grid_mismatch",
            f"{path.name} does not lie on the grid of its image.",
            expected="the size, direction and place of the image",
            found="; ".join(found),
            next_step="export the mask from the image as it is shown, turned by the same EXIF tag or by none",
        )
