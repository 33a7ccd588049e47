"""What a reader is shown of a case beside its numbers: where its crops lie, and what a measurement is called."""

from __future__ import annotations

from outcome.cases import own_mask, refusing
from outcome.recipe import CaseInput, Recipe
from outcome.types import FloatArray
from segmentation.crops import crop_grid
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.radiomics.catalogue import Feature
from segmentation.radiomics.dictionary import EVERY_FEATURE
from segmentation.radiomics.settings import TEXTURES
from segmentation.types import Mask

_UNITS = {"mm": "mm", "mm2": "mm²", "mm3": "mm³", "1/mm": "1/mm"}


@refusing
def crop_places(case: CaseInput, mask: Mask, recipe: Recipe) -> dict[str, FloatArray]:
    """Where the voxels of a case's crops lie, by sequence: index to the patient's place, RAS mm, each (4, 4).

    A crop lies where it was cut: by the sequence's own mask where it has one, else by `mask`. A sequence whose mask
    is gone or has no voxel of the crop's region is left out.
    """
    spec = recipe.crop
    if spec is None:
        return {}
    places: dict[str, FloatArray] = {}
    for sequence in spec.sequences:
        own = own_mask(case, recipe, sequence)
        try:
            placed = mask if own is None else read_mask(own, recipe.regions)
            places[sequence] = crop_grid(placed, region=spec.region, size=spec.size, extent=spec.extent).affine
        except ImageRefusal:
            continue
    return places


def measurement_words(tag: str) -> tuple[str, str]:
    """What a feature measures, in a few words, and its unit ("" for pure numbers); two empty texts for a strange tag.

    A unit of intensity is that of the image, which the catalogue does not know: it is left out.
    """
    feature = _FEATURES.get(tag)
    if feature is None:
        return "", ""
    if feature.family in _FAMILY_WORDS:
        return f"{_FAMILY_WORDS[feature.family]}, {_short(feature)}", _UNITS.get(feature.unit, "")
    return _short(feature), _UNITS.get(feature.unit, "")


def _short(feature: Feature) -> str:
    if feature.family in TEXTURES:  # definitions are formulas there; the tag is the name of the thing
        stem = next((feature.tag.partition(f"_{way}")[0] for way in _WAYS if f"_{way}" in feature.tag), feature.tag)
        return stem.partition("_")[2].replace("_", " ")
    return feature.definition.partition(";")[0].partition(":")[0].partition(" (")[0].strip()


_WAYS = ("2D", "2_5D", "3D")
_FEATURES = {feature.tag: feature for feature in EVERY_FEATURE}
_FAMILY_WORDS = {
    "intensity": "intensity",
    "local_intensity": "intensity",
    "histogram": "grey levels",
    "volume_histogram": "intensity and volume",
    "cm": "texture of neighbours",
    "rlm": "texture of runs",
    "szm": "texture of zones",
    "dzm": "texture of zones and depth",
    "ngt": "texture of grey tones",
    "ngl": "texture of alike neighbours",
}
