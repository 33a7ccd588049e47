"""The recipe in force in a store: the study's own, with the network it trained, or a frozen bundle's."""

from __future__ import annotations

from dataclasses import replace

from outcome.bundle import Bundle, read_bundle
from outcome.errors import StoreRefusal
from outcome.pipeline.inputs import recipe_of
from outcome.pipeline.stage import Run
from outcome.recipe import Recipe
from outcome.store import MANIFEST, read_json

SEGMENTER = "segmenter.json"  # in the segment stage: which networks drew the masks


def foreign_bundle(run: Run) -> Bundle | None:
    """The store's bundle where it was learned elsewhere: no partition of this study is for development."""
    develops = any(part.relation == "development" for part in run.study.partitions.values())
    return None if develops or not (run.store.bundle / MANIFEST).exists() else read_bundle(run.store.bundle)


def frozen_recipe(bundle: Bundle | None) -> Recipe | None:
    """The recipe of a foreign bundle whose network draws the masks; None where masks are handed over here."""
    data = bundle.json("recipe.json") if bundle is not None else None
    recipe = Recipe.from_json(data) if data else None
    return recipe if recipe is not None and recipe.draws_masks else None


def recipe_in(run: Run) -> Recipe | None:
    """How the cases of a study become numbers once the segment stage is made; None where there are no masks.

    Raises StoreRefusal where masks are to be learned and the segment stage has not trained its networks.
    """
    frozen = frozen_recipe(foreign_bundle(run))
    recipe = frozen or recipe_of(run.study)
    if frozen or recipe is None or run.study.segmenter is None:
        return recipe
    path = run.store.stage("segment") / SEGMENTER
    if not path.exists():
        raise StoreRefusal(
            "the network that draws the masks is not trained",
            found=f"no {path}",
            next_step="outcome segment STUDY.yaml",
        )
    return replace(recipe, segmenter=read_json(path)["name"])
