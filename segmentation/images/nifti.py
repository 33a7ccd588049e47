"""Masks and images of NIfTI files, block by block: only what is wanted is ever held.

A whole-body mask has hundreds of millions of voxels of which a few per cent are labelled. Each file is therefore
read as a stream of slabs; every slab is checked, cropped and forgotten. The stream is always read to its end,
because only there does gzip's checksum tell whether the bytes are the ones that were written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.limits import MAX_VOXELS
from segmentation.images.nifti_header import STREAM_ERRORS, NiftiHeader, open_stream, read_header, trailing
from segmentation.types import MAX_LABEL, Mask, Volume, Window, check_regions

BLOCK_BYTES = 2**22

Counts = npt.NDArray[np.int64]
Block = npt.NDArray[Any]  # (n, J, I), C order: slabs of the file's last axis


def read_nifti_mask(path: Path, regions: Mapping[str, int], *, max_voxels: int = MAX_VOXELS) -> Mask:
    """The named regions of a mask file, cropped to the box that holds them all.

    `regions` maps names to labels. `source` and `offset` of the result say where the crop lay; `unnamed` counts
    the voxels of labels that no region names (they become 0). A mask without any named voxel comes back as one
    background voxel.

    Raises ImageRefusal for everything `read_header` refuses, for damaged or truncated data, and for labels that
    are not whole numbers from 0 to 65535.
    """
    check_regions(regions)
    header = read_header(path, max_voxels=max_voxels)
    wanted = np.zeros(MAX_LABEL + 1, dtype=bool)
    wanted[list(regions.values())] = True
    counts, pieces = np.zeros(MAX_LABEL + 1, dtype=np.int64), []
    for start, block in _blocks(header):
        piece = _piece(_labels(block, header), start, wanted, counts)
        if piece is not None:
            pieces.append(piece)
    labels, window = _assemble(pieces, max(regions.values()))
    unnamed = {int(n): int(counts[n]) for n in np.flatnonzero(counts) if not wanted[n]}
    offset = (window[0].start, window[1].start, window[2].start)
    affine = header.grid.part(window).affine
    return Mask(labels, affine, regions, source=header.grid, offset=offset, unnamed=unnamed)


def read_nifti(path: Path, *, window: Window | None = None, modality: str = "", max_voxels: int = MAX_VOXELS) -> Volume:
    """An image, or the part of it that three slices of its index name (the affine moves with it).

    Values are `stored * slope + intercept`; whole-number files without scaling keep their type, scaled ones become
    float32 (float64 where stored so).

    Raises ImageRefusal for everything `read_header` refuses, for damaged or truncated data, for voxels anywhere in
    the file that are not finite, and for a window outside the image.
    """
    header = read_header(path, max_voxels=max_voxels)
    part = window or tuple(slice(0, n) for n in header.grid.shape)
    i, j, k = _inside(part, header)
    out = np.empty((k.stop - k.start, j.stop - j.start, i.stop - i.start), dtype=_image_dtype(header))
    for start, block in _blocks(header):
        values = _values(block, header)
        low, high = max(k.start, start), min(k.stop, start + len(block))
        if low < high:
            out[low - k.start : high - k.start] = values[low - start : high - start, j, i]
    return Volume(out.T, header.grid.part((i, j, k)).affine, modality)


def read_nifti_channels(path: Path, *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """Every channel of an image file: one of a 3-D file, one for each step along the fourth axis of a 4-D one.

    Raises ImageRefusal as `read_nifti`.
    """
    header = read_header(path, max_voxels=max_voxels, many=True)
    planes = np.empty((header.channels * header.grid.shape[2], *header.grid.shape[1::-1]), dtype=_image_dtype(header))
    for start, block in _blocks(header):
        planes[start : start + len(block)] = _values(block, header)
    return tuple(Volume(part.T, header.grid.affine) for part in np.split(planes, header.channels))


def _blocks(header: NiftiHeader) -> Iterator[tuple[int, Block]]:
    """The first plane's index and the voxels of each slab; a slab is only valid until the next one."""
    n_i, n_j, n_k = header.grid.shape[0], header.grid.shape[1], header.grid.shape[2] * header.channels
    plane = n_i * n_j * header.dtype.itemsize
    per_block = max(1, BLOCK_BYTES // plane)
    buffer = bytearray(min(per_block, n_k) * plane)
    try:
        with open_stream(header.path, header.compressed) as stream:
            _fill(stream, memoryview(bytearray(header.data_offset)), header)
            for start in range(0, n_k, per_block):
                n = min(per_block, n_k - start)
                view = memoryview(buffer)[: n * plane]
                _fill(stream, view, header)
                yield start, np.frombuffer(view, dtype=header.dtype).reshape(n, n_j, n_i)
            if stream.read(1):
                raise trailing(header, "one or more")
    except STREAM_ERRORS as error:
        raise _refuse(
            "damaged", header, "The data are damaged or cut off.", "an intact file", type(error).__name__
        ) from error


def _fill(stream: IO[bytes], view: memoryview, header: NiftiHeader) -> None:
    done = 0
    while done < len(view):
        n = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not n:
            expected = f"{header.data_bytes} bytes of voxels"
            raise _refuse("truncated", header, "The file ends early.", expected, "fewer")
        done += n


def _labels(block: Block, header: NiftiHeader) -> Block:
    """Labels as uint8 or uint16, exactly what the file means, or a refusal."""
    if header.scaled:
        block = block * header.slope + header.intercept
    if block.dtype == np.uint8:
        return block
    low, high = block.min(), block.max()
    if not (low >= 0 and high <= MAX_LABEL):
        raise _refuse("bad_label", header, "Labels are out of range.", f"0 to {MAX_LABEL}", f"{low} to {high}")
    labels = block.astype(np.uint8 if high < 256 else np.uint16)
    if block.dtype.kind == "f" and not np.array_equal(labels, block):
        found = f"{int((labels != block).sum())} fractional voxels in one slab"
        step = "threshold a probability map first; resample masks by nearest neighbour"
        raise _refuse("mask_not_integer", header, "Labels are not whole numbers.", "whole numbers", found, step)
    return labels


def _values(block: Block, header: NiftiHeader) -> Block:
    if header.scaled:
        block = block * header.slope + header.intercept
    if block.dtype.kind == "f" and not np.isfinite(block).all():
        found = f"{int((~np.isfinite(block)).sum())} NaN or infinite voxels in one slab"
        step = "fill the missing voxels in the source, or leave the image out"
        raise _refuse("non_finite", header, "The image has holes.", "finite voxels", found, step)
    return block


def _image_dtype(header: NiftiHeader) -> np.dtype[Any]:
    if header.scaled and header.dtype != np.float64:
        return np.dtype(np.float32)
    return header.dtype.newbyteorder("=")


def _piece(labels: Block, start: int, wanted: npt.NDArray[np.bool_], counts: Counts) -> tuple[Counts, Block] | None:
    """The box of wanted labels in a slab (file index) and a copy of it, unwanted labels as 0."""
    from segmentation.images.label_scan import empty_bounds, scan_labels  # compiled code that images do without

    bounds = empty_bounds()
    scan_labels(labels, wanted, counts, bounds)
    if bounds[1] < 0:
        return None
    k0, k1, j0, j1, i0, i1 = bounds.tolist()
    part = labels[k0:k1, j0:j1, i0:i1]
    bounds[:2] += start
    return bounds, np.where(wanted[part], part, 0)


def _assemble(pieces: list[tuple[Counts, Block]], highest: int) -> tuple[Block, Window]:
    """All pieces in one array (I, J, K), Fortran order, and its place in the file."""
    if not pieces:
        return np.zeros((1, 1, 1), dtype=np.uint8), (slice(0, 1), slice(0, 1), slice(0, 1))
    boxes = np.array([box for box, _ in pieces])
    low, high = boxes[:, ::2].min(axis=0), boxes[:, 1::2].max(axis=0)
    out = np.zeros(high - low, dtype=np.uint8 if highest < 256 else np.uint16)
    for box, piece in pieces:
        k, j, i = (slice(a, b) for a, b in zip(box[::2] - low, box[1::2] - low, strict=True))
        out[k, j, i] = piece
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return out.T, (i, j, k)


def _inside(window: tuple[slice, ...], header: NiftiHeader) -> Window:
    i, j, k = window
    for part, size in zip(window, header.grid.shape, strict=True):
        if not 0 <= part.start < part.stop <= size:
            found = f"{part.start} to {part.stop} of {size}"
            raise _refuse("outside", header, "The window leaves the image.", f"0 to {header.grid.shape}", found)
    return i, j, k


def _refuse(
    code: str, header: NiftiHeader, message: str, expected: str, found: str, step: str = "export or copy the file again"
) -> ImageRefusal:
    return ImageRefusal(code, f"{header.path.name}: {message}", expected=expected, found=found, next_step=step)
