"""`outcome validate` and `outcome predict`: another study's cases, every setting from the bundle, nothing fitted.

The study file says where the data lie (root, table, identifiers, file patterns, label numbers, partitions); endpoints,
inclusion, dictionary, recipe and thresholds are the bundle's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcome.bundle import Bundle, copy_bundle, read_bundle
from outcome.config import MaskSource, Partition, Segmenter, Study, study_from_resolved
from outcome.errors import BundleRefusal, ConfigRefusal, StoreRefusal
from outcome.pipeline.agreement import FROM_BUNDLE
from outcome.pipeline.recipe import frozen_recipe
from outcome.pipeline.stage import Run
from outcome.recipe import Recipe
from outcome.serving import bundle_segmenter
from outcome.store import MANIFEST

_EXTERNAL, _DEVELOPMENT = "external", "development"


def apply_bundle(
    bundle: Path, study: Study, out: Path, partition: str | None = None, *, outcomes_needed: bool = True
) -> Study:
    """The study as the bundle defines it, on this study's data.

    Raises BundleRefusal where the bundle is damaged or this study's masks are not the ones it measures, ConfigRefusal
    for an unknown partition and, where outcomes are to be compared, for one whose relation is not stated.
    """
    read = read_bundle(bundle)
    defined = study_from_resolved(read.json("config.json"))
    _refuse_other_procedure(defined, study)
    changes: dict[str, Any] = {name: getattr(defined, name) for name in FROM_BUNDLE}
    changes["segmenter"] = _segmenter(defined, study)
    changes["partitions"] = _partitions(study, partition, outcomes_needed)
    if outcomes_needed:
        _refuse_other_comparisons(defined, study)
    else:
        changes |= {"endpoints": {}, "scores": (), "readers": ()}
    drawn = _drawn_recipe(read, study)
    changes["mask"] = _mask(defined, study) if drawn is None else _compared_mask(drawn, study)
    return study.model_copy(update=changes)


def _segmenter(defined: Study, study: Study) -> Segmenter | None:
    """The bundle's network. How many masks of a case are kept beside its own is this study's choice if it says so."""
    if defined.segmenter is None or study.segmenter is None or "masks" not in study.segmenter.model_fields_set:
        return defined.segmenter
    return defined.segmenter.keeping(study.segmenter.masks)


def _refuse_other_procedure(defined: Study, study: Study) -> None:
    if defined.procedure and study.procedure and defined.procedure != study.procedure:
        raise BundleRefusal(
            "the bundle was made for another procedure",
            expected=defined.procedure,
            found=study.procedure,
            next_step="use a bundle for this procedure, or correct `procedure` in the study file",
        )


def _refuse_other_comparisons(defined: Study, study: Study) -> None:
    """Published scores and readers are this hospital's own, what they are judged on is the bundle's."""
    named = {name for score in study.scores for name in score.judged_on} | {r.endpoint for r in study.readers}
    strangers = sorted(named - set(defined.endpoints))
    if strangers:
        raise ConfigRefusal(
            "scores or readers of the study file speak of endpoints that the bundle does not define",
            expected=", ".join(defined.endpoints),
            found=", ".join(strangers),
            next_step="name the bundle's endpoint under scores and readers, or leave those out",
        )


def _partitions(study: Study, partition: str | None, outcomes_needed: bool) -> dict[str, Any]:
    """The study's partitions; none of them is development here, for nothing is learned from any."""
    if partition is not None and partition not in study.partitions:
        raise ConfigRefusal(
            f"the study has no partition {partition!r}",
            expected=", ".join(study.partitions),
            next_step="check --partition",
        )
    chosen = {name: part for name, part in study.partitions.items() if partition in (None, name)}
    unstated = [name for name, part in chosen.items() if part.relation == _DEVELOPMENT]
    if outcomes_needed and unstated:
        raise ConfigRefusal(
            "the study file does not say how these cases relate to those the model was learned from",
            expected="partitions with relation: external, geographic, or temporal (same hospital, later)",
            found=f"{', '.join(unstated)} with relation: development",
            next_step="state it under partitions in the study file, or name other cases with --partition",
        )
    return {name: part.model_copy(update={"relation": _relation(part)}) for name, part in chosen.items()}


def _relation(part: Partition) -> str:
    """Nothing is learned here, so no partition is development."""
    return _EXTERNAL if part.relation == _DEVELOPMENT else part.relation


def _mask(defined: Study, study: Study) -> Any:
    """This study's masks with the regions the bundle measures; label numbers may differ, names and meaning may not."""
    if defined.mask is None or study.mask is None:
        return None
    absent = sorted(set(defined.mask.regions) - set(study.mask.regions))
    if absent:
        raise BundleRefusal(
            "the bundle measures regions this study's masks do not name",
            expected=", ".join(sorted(defined.mask.regions)),
            found=", ".join(sorted(study.mask.regions)),
            next_step=f"name {', '.join(absent)} with its label number under mask.regions",
        )
    _refuse_other_measuring(defined.mask, study.mask)
    regions = {name: study.mask.regions[name] for name in defined.mask.regions}
    return study.mask.model_copy(update={"regions": regions})


def _drawn_recipe(bundle: Bundle, study: Study) -> Recipe | None:
    """The recipe of a bundle that draws the masks by itself; its network is tried before anything is written."""
    recipe = frozen_recipe(bundle)
    if recipe is None:
        return None
    absent = ", ".join(name for name in recipe.drawn_on if name not in study.images)
    if absent:
        raise BundleRefusal(
            f"the bundle's network draws masks on the image {absent}, which this study does not have",
            expected=f"{absent}: PATTERN under images",
            found=", ".join(study.images) or "no images",
            next_step=f"where it is the same kind of image, call it {absent} under images",
        )
    bundle_segmenter(bundle, recipe)
    return recipe


def _compared_mask(recipe: Recipe, study: Study) -> MaskSource | None:
    """This study's masks, which the bundle's network needs not: they are only compared with what it draws."""
    if study.mask is not None:
        _refuse_other_unit(recipe.units_mm, study.mask.units_mm)
    return study.mask


def _refuse_other_unit(defined: bool, study: bool) -> None:
    """Sizes in voxels for sizes in mm would pass as the bundle's measurements."""
    if defined != study:
        raise BundleRefusal(
            "the bundle measures in another unit than this study's masks allow",
            expected=f"mask.units_mm: {str(defined).lower()}",
            found=f"mask.units_mm: {str(study).lower()}",
            next_step="validate on masks whose voxel spacing is published in the same way",
        )


def _refuse_other_measuring(defined: MaskSource, study: MaskSource) -> None:
    """Intensities of another image, or sizes in voxels for sizes in mm, would pass as the bundle's measurements."""
    _refuse_other_unit(defined.units_mm, study.units_mm)
    if defined.on and study.on and defined.on != study.on:
        raise BundleRefusal(
            "the bundle measures another image than the one this study's masks were drawn on",
            expected=f"mask.on: {defined.on}",
            found=f"mask.on: {study.on}",
            next_step=f"where it is the same kind of image, call it {defined.on} under images and mask.on",
        )


def adopt_bundle(run: Run, bundle: Path) -> None:
    """Copy a verified bundle into the study's store, so that the dashboard finds model and predictions together.

    Raises StoreRefusal where a model was trained in this place: its bundle would be lost, and its out-of-fold
    predictions would be taken for this bundle's.
    """
    read = read_bundle(bundle)
    if (run.store.stage("train") / MANIFEST).exists():
        raise StoreRefusal(
            f"{run.store.folder} holds a model trained there",
            expected="a store of its own for a frozen model on other cases",
            next_step="choose another --out",
        )
    if bundle.resolve() != run.store.bundle.resolve():
        copy_bundle(read, run.store.bundle)
