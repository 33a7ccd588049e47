"""One channel with less noise: (X, Y, Z) in, a new array of the same shape out. Lengths in mm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]

_DIFFUSION_STEPS = 5
_MAD_TO_SD = 1.4826


def gaussian(channel: Floats, spacing_mm: Spacing, sd_mm: float) -> Floats:
    """Smoothed with a Gaussian of standard deviation `sd_mm`; an axis of one voxel is left alone."""
    sigma = [sd_mm / step if n > 1 else 0.0 for n, step in zip(channel.shape, spacing_mm, strict=True)]
    return np.asarray(ndimage.gaussian_filter(channel, sigma, mode="nearest"), dtype=np.float32)


def median(channel: Floats, spacing_mm: Spacing, voxels: float) -> Floats:
    """The median of a cube of so many voxels a side (rounded to an odd number)."""
    side = 2 * (round(voxels) // 2) + 1
    return np.asarray(ndimage.median_filter(channel, [min(side, n) for n in channel.shape], mode="nearest"))


def non_local_means(channel: Floats, spacing_mm: Spacing, strength: float) -> Floats:
    """Means of patches that look alike, `strength` standard deviations of the noise apart.

    Reference: Buades A, Coll B, Morel JM. CVPR 2005. doi:10.1109/CVPR.2005.38
    """
    from skimage.restoration import denoise_nl_means  # takes a while to import

    noise = noise_level(channel)
    flat = np.squeeze(channel)
    if not noise or flat.ndim < 2:
        return channel.copy()
    smooth = denoise_nl_means(flat, 3, 3, strength * noise, fast_mode=True, sigma=noise, channel_axis=None)
    return np.asarray(smooth, dtype=np.float32).reshape(channel.shape)


def diffusion(channel: Floats, spacing_mm: Spacing, conductance: float) -> Floats:
    """Noise flows within what is alike and not over edges: curvature anisotropic diffusion by SimpleITK, five steps;
    the higher `conductance`, the more edges are smoothed.

    Reference: Perona P, Malik J. IEEE PAMI 1990;12:629-639. doi:10.1109/34.56205
    """
    import SimpleITK as sitk  # takes a while to import

    from segmentation.preparation.bias_field import from_itk, to_itk

    image = to_itk(channel, spacing_mm)
    smooth = sitk.CurvatureAnisotropicDiffusionImageFilter()
    smooth.SetNumberOfThreads(1)
    # The explicit scheme is stable up to this step.
    smooth.SetTimeStep(min(image.GetSpacing()) / 2 ** (image.GetDimension() + 1))
    smooth.SetNumberOfIterations(_DIFFUSION_STEPS)
    smooth.SetConductanceParameter(conductance)
    return from_itk(smooth.Execute(image), channel.shape)


def noise_level(channel: Floats) -> float:
    """The standard deviation of the noise, from differences of neighbours along x where the image is not flat.

    The median of their sizes hardly sees edges. Empty surroundings (differences of exactly 0) are left out.
    """
    steps = np.abs(np.diff(channel, axis=0))
    steps = steps[steps > 0]
    return _MAD_TO_SD * float(np.median(steps)) / float(np.sqrt(2)) if steps.size else 0.0
