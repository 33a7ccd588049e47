"""A data set ready to be competed on: its cases in parts, its regions, and what its files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from segmentation.assessment.named_regions import Regions
from segmentation.benchmark.config import Analysis, DataEntry
from segmentation.benchmark.fingerprints import case_hash
from segmentation.benchmark.parts import Part, parts_of
from segmentation.datasets.dataset import Dataset
from segmentation.datasets.lgg import NO_SPACING
from segmentation.images.reading import has_size
from segmentation.metrics import Settings
from segmentation.planning.fingerprint import Survey


@dataclass(frozen=True, eq=False)
class Loaded:
    """`surveys` and `hashes` by case id; `regions` are what is judged: the unions that the layout names, or labels."""

    entry: DataEntry
    dataset: Dataset
    surveys: Mapping[str, Survey]
    parts: Sequence[Part]
    regions: Regions
    hashes: Mapping[str, str]
    units_mm: bool

    @property
    def patients(self) -> dict[str, str]:
        """The patient of every test case, in file order."""
        tested = {case.case_id for part in self.parts for case in part.test}
        return {case.case_id: case.patient for case in self.dataset.cases if case.case_id in tested}

    @property
    def shares(self) -> dict[str, float]:
        """Each region's share of the voxels of the cases that the first part learns from."""
        seen = [self.surveys[case.case_id] for case in self.parts[0].learn]
        total = sum(prod(one.shape) for one in seen)
        return {
            name: sum((one.voxels or {}).get(label, 0) for one in seen for label in labels) / total
            for name, labels in self.regions.items()
        }

    @property
    def about(self) -> str:
        """The split in a sentence."""
        first = self.parts[0]
        sides = f"{len(first.learn)} cases to learn from, {len(first.test)} to judge by"
        many = f" in the first of {len(self.parts)} folds" if len(self.parts) > 1 else ""
        mm = "" if self.units_mm else " No voxel size is known: no distances, volumes in voxels."
        fair = "The same split for all models; no case decides a plan that it judges."
        return f"{sides}{many}: {self.entry.split.words()}. {fair}{mm}"

    def settings(self, analysis: Analysis) -> Settings:
        return Settings(analysis.tolerance_mm, units_mm=self.units_mm)


def loaded(entry: DataEntry, dataset: Dataset, found: Sequence[Survey]) -> Loaded:
    """A data set's usable cases, shared out. Raises ImageRefusal (`too_few_patients`)."""
    surveys = {one.case.case_id: one for one in found}
    cases = [one for one in dataset.cases if one.case_id in surveys]
    parts = parts_of(cases, entry.split)
    used = {case.case_id: case for part in parts for case in (*part.learn, *part.test)}
    sized = NO_SPACING not in dataset.notes and all(has_size(case.images[0]) for case in used.values())
    hashes = {name: case_hash(case) for name, case in used.items()}
    labels = sorted(set().union(*(one.labels for one in found)))
    named = {name: (label,) for name, label in dataset.regions.items()} or {str(n): (n,) for n in labels}
    regions = dict(dataset.unions) or named
    return Loaded(entry, dataset, surveys, parts, regions, hashes, entry.units_mm and sized)
