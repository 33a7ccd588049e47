"""A NIfTI file written anew: a header made from what was understood of the old one, and the stored numbers.

Nothing of the old header is copied: description, auxiliary file, names, intents, extensions and the bytes behind the
last voxel stay behind, as do the name and the time in gzip's own header.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import nibabel as nib
import numpy as np

from segmentation.images.limits import MAX_VOXELS
from segmentation.images.nifti_header import NiftiHeader, open_stream, read_header
from segmentation.images.writing import GZIP_LEVEL

_OFFSET = 352


def nifti_file(path: Path, *, max_voxels: int = MAX_VOXELS) -> bytes:
    """The content of a `.nii.gz` file with the same numbers at the same places. Raises ImageRefusal as `read_header`.

    Damage behind the header is not looked for here: whoever asks has read the voxels before.
    """
    header = read_header(path, max_voxels=max_voxels)
    with open_stream(path, header.compressed) as stream:
        stream.read(header.data_offset)
        stored = np.frombuffer(stream.read(header.data_bytes), dtype=header.dtype)
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=out, mtime=0) as packed:
        packed.write(_header(header).binaryblock + bytes(4))
        packed.write(stored.astype(header.dtype.newbyteorder("<")).tobytes())
    return out.getvalue()


def _header(of: NiftiHeader) -> nib.Nifti1Header:
    made = nib.Nifti1Header(endianness="<")
    made.set_data_dtype(of.dtype.newbyteorder("<"))
    made.set_data_shape(of.grid.shape)
    made.set_zooms(of.grid.spacing_mm)
    made.set_xyzt_units("mm")
    made.set_sform(of.grid.affine, code=1)
    made.set_qform(of.grid.affine, code=1, strip_shears=True)
    made["vox_offset"], made["magic"] = _OFFSET, b"n+1"
    made["scl_slope"], made["scl_inter"] = of.slope, of.intercept
    return made
