"""Synthetic CT-like and MR-like volumes with known truth: two unequal kidneys, vessels, and a tumour of chosen
size, shape, place and texture.

The body is built in patient coordinates (RAS mm) and only then laid out in the array, so that the same patient can be
stored in any spacing and axis order, and imaged twice. It is asymmetric in all three directions (a spine behind, a
liver on the right and above), so that a wrong flip is seen.
"""

from segmentation.phantoms.imaging import phantom
from segmentation.phantoms.spec import MODALITIES, POLES, REGIONS, SIDES, PhantomSpec

__all__ = ["MODALITIES", "POLES", "REGIONS", "SIDES", "PhantomSpec", "phantom"]
