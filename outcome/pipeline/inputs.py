"""What the cohort stage found on disk for each case, as absolute paths again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outcome.cases import complete_settings
from outcome.config import Study
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.pipeline.stage import Run
from outcome.recipe import CaseInput, CropSpec, PlacementSpec, ProfileSpec, Recipe
from outcome.store import read_json


def read_inputs(run: Run) -> dict[str, CaseInput]:
    """Every case's image and mask paths, from the cohort stage, in case order."""
    root = run.study.root
    cases = {}
    for case_id, entry in sorted(read_json(run.store.stage("cohort") / "inputs.json").items()):
        images = {name: root / path for name, path in entry["images"].items() if path}
        masks = {name: root / path for name, path in entry["masks"].items() if path}
        cases[case_id] = CaseInput(case_id, images, root / entry["mask"] if entry["mask"] else None, masks)
    return cases


def file_hashes(run: Run, paths: Mapping[str, Path]) -> dict[str, str]:
    """sha256 of files by role; one that cannot be read is named so."""
    hashes = {}
    for role, path in paths.items():
        try:
            hashes[role] = run.ledger.sha256(path)
        except OSError as error:
            hashes[role] = f"unreadable: {error.strerror}"
    return hashes


def recipe_of(study: Study) -> Recipe | None:
    """How this study's cases become numbers; None where it has no masks."""
    if study.mask is None:
        return None
    return Recipe(
        regions=dict(study.mask.regions),
        mask_on=study.mask.on or "",
        families=tuple(study.radiomics.families),
        units_mm=study.mask.units_mm,
        crop=crop_of(study),
        reads=study.segmenter.images if study.segmenter else (),
        profiles={name: _profile(study, name) for name in study.radiomics.profiles},
        placement=_placement(study),
    )


def _placement(study: Study) -> PlacementSpec | None:
    asked = study.radiomics.placement
    return None if asked is None else PlacementSpec(asked.lesion, asked.organ, asked.parts)


def _profile(study: Study, name: str) -> ProfileSpec:
    """A profile with its settings complete. Raises ConfigRefusal where they cannot be used."""
    given = study.radiomics.profiles[name]
    try:
        settings = complete_settings(given.settings)
    except DataRefusal as error:
        raise ConfigRefusal(
            f"radiomics.profiles.{name}: {error.message}",
            expected=error.expected, found=error.found, next_step=error.next_step,
        ) from error  # fmt: skip
    if study.mask is not None and not study.mask.units_mm and _needs_mm(settings):
        raise ConfigRefusal(
            f"radiomics.profiles.{name} needs millimetres, but mask.units_mm says that no spacing is known",
            found=f"grid.spacing_mm {settings['grid']['spacing_mm']}, profile {settings['profile']}",
            next_step="leave grid.spacing_mm out: without spacing only what needs none is measured",
        )
    return ProfileSpec(given.image, settings)


def _needs_mm(settings: Mapping[str, Any]) -> bool:
    return bool(settings["grid"]["spacing_mm"]) or settings["profile"] == "pyradiomics"


def crop_of(study: Study) -> CropSpec | None:
    """The block of tissue that image networks read of each case; None where the study asks for none."""
    blocks = study.image_blocks
    return None if blocks is None else CropSpec(dict(blocks.sequences), blocks.region, blocks.size, blocks.extent)
