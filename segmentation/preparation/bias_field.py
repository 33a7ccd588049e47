"""The slow unevenness that coils leave in MR, estimated and divided out: N4 by SimpleITK.

Reference: Tustison NJ et al. IEEE Trans Med Imaging 2010;29:1310-1320. doi:10.1109/TMI.2010.2046908
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal

if TYPE_CHECKING:
    import SimpleITK as sitk

Floats = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]

_ITERATIONS = (50, 50, 30)  # a level; each level doubles the mesh of the field
_LEAST_VOXELS = 8  # along an axis of the image that the field is estimated on
_LEAST_SHARE = 1e-3  # of the body's median: darker voxels would have no logarithm


def without_bias(channel: Floats, body: npt.NDArray[np.bool_], spacing_mm: Spacing, working_mm: float) -> Floats:
    """The channel (X, Y, Z) divided by its bias field, which is estimated within `body` on voxels of about `working_mm`
    and has mean 1 there.

    Raises ImageRefusal (`negative_intensities`): a multiplied field has no meaning in HU.
    """
    field = bias_field(channel, body, spacing_mm, working_mm)
    return np.asarray(channel / field, dtype=np.float32)


def bias_field(channel: Floats, body: npt.NDArray[np.bool_], spacing_mm: Spacing, working_mm: float) -> Floats:
    """How much brighter the image is at each voxel than it should be, (X, Y, Z), mean 1 in the body."""
    import SimpleITK as sitk  # takes a while to import

    _check(channel, body)
    bright = np.maximum(channel, np.float32(_LEAST_SHARE * float(np.median(channel[body]))))
    image, mask = to_itk(bright, spacing_mm), to_itk(body.astype(np.uint8), spacing_mm)
    factors = [
        max(1, min(round(working_mm / step), n // _LEAST_VOXELS))
        for n, step in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)  # sums in one order: the same field on any number of cores
    n4.SetMaximumNumberOfIterations(_ITERATIONS)
    n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    field = np.exp(from_itk(n4.GetLogBiasFieldAsImage(image), channel.shape))
    return np.asarray(field / np.float32(field[body].mean(dtype=np.float64)), dtype=np.float32)


def to_itk(array: npt.NDArray[Any], spacing_mm: Spacing) -> sitk.Image:
    """The array as SimpleITK holds it, without axes of one voxel."""
    import SimpleITK as sitk

    kept = [axis for axis, n in enumerate(array.shape) if n > 1]
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.squeeze(array).T))
    image.SetSpacing([float(spacing_mm[axis]) for axis in kept])
    return image


def from_itk(image: sitk.Image, shape: tuple[int, ...]) -> Floats:
    """The inverse of `to_itk`, float32."""
    import SimpleITK as sitk

    return np.ascontiguousarray(sitk.GetArrayFromImage(image).T.reshape(shape), dtype=np.float32)


def _check(channel: Floats, body: npt.NDArray[np.bool_]) -> None:
    low = float(channel.min())
    if low < 0 or not float(np.median(channel[body])) > 0:
        raise ImageRefusal(
            "negative_intensities",
            "A bias field multiplies intensities, and the image has values below 0.",
            expected="an MR with intensities from 0",
            found=f"lowest value {low:g}",
            next_step="leave out the step n4: a CT has no bias field",
        )
