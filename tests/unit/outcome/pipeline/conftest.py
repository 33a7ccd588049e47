"""One small synthetic site, trained once, that the pipeline tests copy and damage; and a second one to validate on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from outcome.bundle import read_bundle
from outcome.config import Study, load_study
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import StageResult
from outcome.pipeline.synth import write_synthetic_study
from outcome.pipeline.validate import apply_bundle
from outcome.store import StudyStore

FAST = (
    "training.outer_folds=2",
    "training.inner_folds=2",
    "training.bootstraps=2",
    "training.min_events=5",
    "training.families=[ridge]",
)
THROUGH_TRAINING = ("cohort", "segment", "radiomics", "features", "train")
VALIDATING = ("cohort", "segment", "radiomics", "features", "predict", "evaluate")


@dataclass(frozen=True)
class Place:
    """Two sites' studies and a store: do not change the session's, work on a copy."""

    folder: Path

    def study(self, site: str = "A", *settings: str) -> Study:
        return load_study(self.folder / site / "study.yaml", (*FAST, *settings))

    @property
    def site_a(self) -> StudyStore:
        return StudyStore(self.folder / "store", "site_a")

    @property
    def site_b(self) -> StudyStore:
        return StudyStore(self.folder / "store", "site_b")

    def run(self, study: Study, *stages: str, bundle: Path | None = None) -> list[StageResult]:
        with open_run(study, self.folder / "store", command="test") as opened:
            return run_stages(opened, [STAGE_RUNNERS[stage] for stage in stages], bundle)

    def validate(self) -> str:
        """Validate A's bundle on B; returns the bundle's id."""
        bundle = self.site_a.bundle
        study = apply_bundle(bundle, self.study("B"), self.folder / "store")
        self.run(study, *VALIDATING, bundle=bundle)
        return read_bundle(bundle).id


@pytest.fixture(scope="session")
def trained_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("pipeline"))
    for site in ("A", "B"):
        write_synthetic_study(place.folder / site, 40, 4, site)
    place.run(place.study(), *THROUGH_TRAINING)
    return place


@pytest.fixture
def place(trained_place: Place, tmp_path: Path) -> Place:
    shutil.copytree(trained_place.folder, tmp_path / "place")
    return Place(tmp_path / "place")


@pytest.fixture
def edit(place: Place) -> Callable[[str, str, str], None]:
    """Replace text in one of the place's files."""

    def change(name: str, old: str, new: str) -> None:
        path = place.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change
