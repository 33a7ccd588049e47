"""What `segmentation train` is given beside labelled cases: a recipe, images without masks, a model to start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from segmentation.cli.answers import Failures, existing, say
from segmentation.errors import ImageRefusal
from segmentation.images.scans import read_scan
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.recipes import RECIPES, ScarceLabels

if TYPE_CHECKING:
    from segmentation.images.case_files import CaseFiles


@dataclass(frozen=True)
class ScarceOptions:
    """The command's options as given."""

    recipe: str = ""
    unlabelled: Path | None = None
    start: Path | None = None

    @property
    def asked(self) -> bool:
        return bool(self.recipe or self.unlabelled or self.start)

    def check(self, *, plain: bool) -> None:
        """Raises a usage error for an unknown recipe, a path that is not there, and where one model of a network with
        a number of steps is not what is trained (`plain` false)."""
        if self.recipe and self.recipe not in RECIPES:
            raise typer.BadParameter(f"--recipe must be one of {', '.join(RECIPES)}, found {self.recipe}")
        if self.unlabelled and not self.recipe:
            raise typer.BadParameter("--unlabelled needs a --recipe that says what to do with the images")
        if self.asked and not plain:
            raise typer.BadParameter(
                "--recipe and --start are for one network: not with --method, --folds, --split, --minutes"
            )
        for path, what in ((self.unlabelled, "the folder of unlabelled images"), (self.start, "the model")):
            if path:
                existing(path, what)

    def read(self, cases: Sequence[TrainingCase], plan: SegmenterPlan, failures: Failures) -> ScarceLabels | None:
        """Everything that is named; images that cannot be read are left out and added to the failures."""
        if not self.asked:
            return None
        images = tuple(_readable(self.unlabelled, cases, plan, failures)) if self.unlabelled else ()
        return ScarceLabels(self.recipe, images, self.start.read_bytes() if self.start else None)


def _readable(folder: Path, cases: Sequence[TrainingCase], plan: SegmenterPlan, failures: Failures) -> list[CaseFiles]:
    from segmentation.scarce_labels.unlabelled import (  # torch takes seconds to import
        check_unlabelled,
        unlabelled_cases,
    )

    found, labelled = unlabelled_cases(folder, cases, plan.inputs)
    kept = []
    for case in found:
        try:
            case.check()
            check_unlabelled(read_scan(case.files), plan)
            kept.append(case)
        except ImageRefusal as error:
            failures[f"unlabelled {case.name}"] = error
    say(f"{folder.name}: {len(kept)} images without masks; {labelled} more are labelled cases and left out")
    return kept
