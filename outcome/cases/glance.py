"""A few numbers about each image of a case and where the regions lie in it, to be compared with the training cases'."""

from __future__ import annotations

from outcome.recipe import CaseInput, Recipe
from segmentation.assessment.glance import glance_at_image, glance_at_mask
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_image
from segmentation.types import Mask, Volume


def glance_case(case: CaseInput, mask: Mask, recipe: Recipe) -> dict[str, float]:
    """`<image>.<what>` for every image of the case, `mask.<region>.<what>` for its mask; see `segmentation.assessment`.

    An image that cannot be read has none: who needs it refuses it by name.
    """
    found: dict[str, float] = {}
    under: Volume | None = None
    for name, path in sorted(case.images.items()):
        try:
            image = read_image(path)
        except ImageRefusal:
            continue
        under = image if name == recipe.mask_on else under
        found |= {f"{name}.{what}": value for what, value in glance_at_image(image, units_mm=recipe.units_mm).items()}
    placed = glance_at_mask(mask, under, units_mm=recipe.units_mm)
    return found | {f"mask.{what}": value for what, value in placed.items()}
