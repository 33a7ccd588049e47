"""Pictures (PNG, JPEG, TIFF) as images of one slice, a channel each, and masks as PNG.

    array        (I, J, 1): columns, then rows, as stored in the file
    affine       the picture as it is looked at: x grows to the viewer's right and y down, which is 'LPS' as a slice of
                 a CT is shown. A turn that the EXIF tag asks for stands in the affine: the stored pixels never move
    pixel size   from the file or a table (`pixel_sizes`); 1 mm and `sized` False where nobody knows it

Grey or RGB, 8 or 16 bit; palettes are resolved and alpha is dropped. Several pages are refused. In a mask the greatest
value of its type (255, or 65535) alone beside 0 means label 1; otherwise values are labels. That value among others is
what smoothed edges look like, and is refused; so is JPEG, whose values are never those that were drawn.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.limits import MAX_VOXELS
from segmentation.images.picture_pixels import (
    ORIENTATION,
    Pixels,
    back_turned,
    orientation_of,
    refuse,
    shows_grey,
    stored_pixels,
)
from segmentation.images.pixel_sizes import PIXEL_SIZE_KEY, Size, pixel_size, stated_size
from segmentation.images.writing import crop_to_regions
from segmentation.types import MAX_LABEL, Grid, Mask, Volume, check_regions

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_FORMATS = ("PNG", "JPEG", "TIFF")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True, eq=False)
class PictureHeader:
    """What a picture is before its pixels are read. `sized`: the spacing is known and not only put at 1 mm."""

    path: Path
    grid: Grid
    channels: int
    sized: bool
    orientation: int  # EXIF, 1 to 8


def read_picture_header(path: Path, *, max_voxels: int = MAX_VOXELS, many: bool = False) -> PictureHeader:
    """The grid and channels of a picture. With `many` a colour picture has three channels; otherwise it is refused.

    Raises ImageRefusal: `missing_file`, `unreadable`, `many_pages`, `too_large`, `bad_colour`, `several_channels`.
    """
    with _opened(path) as image:
        return _header(path, image, max_voxels, many)


def read_picture(path: Path, *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """Every channel of a picture: one of a grey one, red, green and blue of a coloured one.

    Raises ImageRefusal as `read_picture_header`, `damaged`, and `non_finite`.
    """
    with _opened(path) as image:
        header = _header(path, image, max_voxels, many=True)
        pixels = stored_pixels(path, image, header.orientation)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise refuse("non_finite", path, "The image has holes.", "finite pixels", "NaN or infinite ones")
    planes = (pixels,) if pixels.ndim == 2 else tuple(np.moveaxis(pixels, 2, 0))
    return tuple(Volume(np.asfortranarray(plane.T)[:, :, None], header.grid.affine) for plane in planes)


def read_picture_mask(
    path: Path, regions: Mapping[str, int], *, on: PictureHeader | None = None, max_voxels: int = MAX_VOXELS
) -> Mask:
    """The named regions of a mask, cropped as `reading.read_mask` crops. With `on`, the picture that it was drawn on,
    it takes that one's pixel size unless both say their own.

    Raises ImageRefusal as `read_picture`, `lossy_mask` for JPEG, `colour_mask`, and `grey_mask` for smoothed edges.
    """
    check_regions(regions)
    with _opened(path) as image:
        if image.format == "JPEG":
            step = "export the mask as PNG from where it was drawn; thresholding a JPEG guesses its edges"
            raise refuse("lossy_mask", path, "A JPEG does not keep labels.", "PNG or TIFF", "JPEG", step)
        header = _header(path, image, max_voxels, many=True, on=on)
        # The numbers of a palette are the labels; its colours are only how they look.
        pixels = np.asarray(image) if image.mode == "P" else stored_pixels(path, image, header.orientation)
        if image.mode == "P" and image.format == "TIFF":
            pixels = back_turned(pixels, header.orientation)
    labels = _labels(path, pixels)
    return crop_to_regions(Mask(labels.T[:, :, None], header.grid.affine, regions))


def picture_mask_bytes(mask: Mask, image: Path) -> bytes:
    """A mask as PNG that lies on a picture pixel by pixel and says the same orientation and pixel size.

    0 and 255 where 1 is the only label, else the labels. `mask` may be a crop; it must be of the picture's grid
    (`grid_mismatch`). The same mask gives the same bytes.
    """
    header = read_picture_header(image, many=True)
    labels = _whole(mask, header)
    if set(mask.regions.values()) == {1}:
        labels = np.where(labels == 1, np.uint8(255), np.uint8(0))
    elif max(mask.regions.values()) >= 255:
        labels = labels.astype(np.uint16)
    about, exif, out = PngImagePlugin.PngInfo(), Image.Exif(), io.BytesIO()
    if header.sized:
        x, y, _ = header.grid.spacing_mm
        about.add_text(PIXEL_SIZE_KEY, f"{x!r} {y!r}")
    if header.orientation != 1:
        exif[ORIENTATION] = header.orientation
    drawn = Image.fromarray(np.ascontiguousarray(labels[:, :, 0].T))
    drawn.save(out, "PNG", pnginfo=about, exif=exif.tobytes() if len(exif) else b"")
    return out.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except ImageRefusal:
        raise
    except FileNotFoundError:
        raise refuse("missing_file", path, "The file is missing.", "a file", "none", "check the path") from None
    except Image.DecompressionBombError as error:
        raise refuse("too_large", path, "The picture is too large.", "fewer pixels", str(error)) from error
    except Image.UnidentifiedImageError as error:
        raise refuse("unreadable", path, "The file is no picture.", "PNG, JPEG or TIFF", "other bytes") from error
    except _BROKEN as error:
        raise refuse("damaged", path, "The file is damaged.", "a whole picture", type(error).__name__) from error


def _header(
    path: Path, image: Image.Image, max_voxels: int, many: bool, on: PictureHeader | None = None
) -> PictureHeader:
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        step = "save one picture a file; stack the slices of a volume as NIfTI"
        raise refuse("many_pages", path, "The file holds several pictures.", "one", str(pages), step)
    if image.width * image.height > max_voxels:
        raise refuse("too_large", path, "The picture is too large.", f"at most {max_voxels} pixels", str(image.size))
    channels = 1 if shows_grey(image) else 3
    if channels == 3 and not many:
        step = "name a command or network that reads three channels, or save the picture as grey"
        raise refuse("several_channels", path, "The picture is coloured.", "one channel", image.mode, step)
    turn = orientation_of(image)
    upright = image.format == "TIFF" and turn >= 5  # Pillow tells the size after the turn
    columns, rows = image.size[::-1] if upright else image.size
    size = pixel_size(path, image) if on is None else _size_of_both(image, on)
    affine = _affine(turn, (columns, rows), size or (1.0, 1.0))
    return PictureHeader(path, Grid((columns, rows, 1), affine), channels, size is not None, turn)


def _size_of_both(image: Image.Image, on: PictureHeader) -> Size | None:
    return (stated_size(image) or on.grid.spacing_mm[:2]) if on.sized else None


def _affine(turn: int, size: tuple[int, int], spacing: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Stored column and row to RAS mm; the picture as it is looked at starts at 0 and grows to L and P."""
    across = {1: 1, 4: 1, 2: -1, 3: -1}  # columns along x
    along = {1: 1, 2: 1, 3: -1, 4: -1}  # rows along y
    rows_x, columns_y = {5: 1, 8: 1, 6: -1, 7: -1}, {5: 1, 6: 1, 7: -1, 8: -1}
    x = (across[turn], 0) if turn < 5 else (0, rows_x[turn])
    y = (0, along[turn]) if turn < 5 else (columns_y[turn], 0)
    affine = np.eye(4)
    for axis, signs in enumerate((x, y)):
        affine[axis, :2] = [-sign * step for sign, step in zip(signs, spacing, strict=True)]
        back = sum((n - 1) * step for n, sign, step in zip(size, signs, spacing, strict=True) if sign < 0)
        affine[axis, 3] = 0.0 - back
    return affine


def _labels(path: Path, pixels: Pixels) -> Pixels:
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            step = "save the mask as grey, one value a region"
            raise refuse("colour_mask", path, "The mask is coloured.", "one value a pixel", "colours", step)
        pixels = pixels[..., 0]
    if pixels.dtype.kind == "f":
        step = "threshold a probability map first"
        raise refuse("mask_not_integer", path, "Labels are not whole numbers.", "whole numbers", "fractions", step)
    found = np.unique(pixels)
    full = 255 if pixels.dtype == np.uint8 else MAX_LABEL
    if found[-1] == full:
        if found[np.searchsorted(found, 1)] < full:
            between = f"{len(found[(found > 0) & (found < full)])} values between"
            step = "export the mask without smoothed edges (nearest neighbour), or number its regions from 1"
            raise refuse("grey_mask", path, "The mask has grey levels between 0 and white.",
                          f"0 and {full}, or labels below {full}", between, step)  # fmt: skip
        return (pixels == full).astype(np.uint8)
    return pixels


def _whole(mask: Mask, header: PictureHeader) -> Pixels:
    labels: Pixels = np.zeros(header.grid.shape, dtype=mask.labels.dtype)
    labels[locate(mask.grid, header.grid)] = mask.labels
    return labels
