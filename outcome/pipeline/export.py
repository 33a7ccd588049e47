"""`outcome export`: what a frozen model said of a study's cases, and their masks, as DICOM and FHIR objects.

Reads what `outcome predict` or `outcome validate` left in a store and writes one folder a case, whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from outcome.bundle import Bundle, read_bundle
from outcome.config import Study
from outcome.config.imaging import CASE_PLACE
from outcome.dictionary import DataDictionary
from outcome.errors import EXIT_OK, EXIT_SOME_FAILED, ConfigRefusal, DataRefusal, StoreRefusal
from outcome.executor import Workers, map_cases, reason
from outcome.exports.statement import Statement, statements
from outcome.pipeline.export_case import CaseExport, CaseObjects, SegKind, StoredMask, case_objects, record
from outcome.pipeline.recipe import SEGMENTER
from outcome.pipeline.stage import Progress, no_progress, upstream
from outcome.recipe import Recipe
from outcome.serving.known import with_information
from outcome.store import MANIFEST, StudyStore, read_json, read_parquet, write_bytes, write_folder
from outcome.training.rungs import CHOSEN
from segmentation.images.dicom.folder import holds_dicom
from segmentation.images.dicom.part10 import is_dicom

T = TypeVar("T")
STAGE = "export"
RECORD = "export.json"


@dataclass(frozen=True)
class ExportRequest:
    """What is exported, from where, and where to.

    `series` and `pdf` are patterns with {case_id}, relative to the study's root; without `series` an image of the study
    that is DICOM serves. `date` (YYYYMMDD) stands in place of the series' own.
    """

    bundle: Path
    study: Study
    store: Path
    out: Path
    kinds: tuple[str, ...]
    series: str = ""
    pdf: str = ""
    date: str = ""
    seg_kind: SegKind = "binary"
    workers: Workers = field(default_factory=Workers)

    def __post_init__(self) -> None:
        for option, pattern in (("--dicom-series", self.series), ("--pdf", self.pdf)):
            if pattern and CASE_PLACE not in pattern:
                raise ConfigRefusal(
                    f"the pattern of {option} names no case", expected=f"a path that contains {CASE_PLACE}",
                    found=pattern, next_step=f"write it as dicom/{CASE_PLACE}",
                )  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """How it ended: files by case, kinds left out by case with the reason, and cases that failed with theirs."""

    bundle_id: str
    files: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, Mapping[str, str]]
    failed: Mapping[str, str]

    @property
    def exit_code(self) -> int:
        return EXIT_SOME_FAILED if self.failed else EXIT_OK


def export_cases(request: ExportRequest, progress: Progress = no_progress) -> Exported:
    """Write the objects of every predicted case. One bad case is named and leaves no folder; the others go on.

    Raises StoreRefusal where the bundle did not predict this study there, or what it predicted is stale.
    """
    bundle = read_bundle(request.bundle)
    place = StudyStore(request.store, request.study.name)
    _refuse_unpredicted(place, bundle.id)
    tasks = _tasks(request, place, _statements(place, bundle))
    files: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, Mapping[str, str]] = {}
    failed: dict[str, str] = {}
    progress(STAGE, 0, len(tasks))
    for number, done in enumerate(map_cases(request.workers, _export_one, tasks), start=1):
        case_id = done.item.statement.case_id
        if done.value is None:
            failed[case_id] = _reason(done.error)
        else:
            files[case_id] = tuple(sorted(done.value.files))
            left_out |= {case_id: done.value.left_out} if done.value.left_out else {}
        progress(STAGE, number, len(tasks))
    return Exported(bundle.id, _by_case(files), _by_case(left_out), _by_case(failed))


def _by_case(found: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(found.items()))


def _export_one(task: CaseExport) -> CaseObjects:
    if "/" in task.statement.case_id or "\\" in task.statement.case_id or task.statement.case_id in (".", ".."):
        raise DataRefusal("a case id cannot be the name of a folder", expected="no slash, and not a dot alone",
                          next_step="rename the case")  # fmt: skip
    made = case_objects(task)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in made.files.items()}

    def produce(folder: Path) -> None:
        for name, data in {**made.files, RECORD: record(task, made, hashes)}.items():
            write_bytes(folder / name, data)

    write_folder(task.folder, produce)
    return CaseObjects(dict.fromkeys(made.files, b""), made.left_out)


def _refuse_unpredicted(place: StudyStore, bundle_id: str) -> None:
    stage = place.stage("predict", bundle_id)
    if not (stage / MANIFEST).exists():
        found = sorted(path.name for path in place.stage("predict").glob("*") if (path / MANIFEST).exists())
        raise StoreRefusal(
            f"the bundle did not predict the study {place.study} in this store",
            expected=f"predictions of bundle {bundle_id}", found=f"those of {', '.join(found)}" if found else "none",
            next_step="outcome predict BUNDLE STUDY.yaml --out STORE",
        )  # fmt: skip
    upstream(place, "predict", bundle_id)


def _statements(place: StudyStore, bundle: Bundle) -> dict[str, Statement]:
    folder = place.stage("predict", bundle.id)
    table = read_parquet(folder / "predictions.parquet").astype({"case_id": str})
    chosen = table[table["rung"] == CHOSEN].drop(columns=["partition", "source"])
    information = read_parquet(folder / "information.parquet").astype({"case_id": str})
    config = bundle.json("config.json")
    level = config["training"].get("min_information")
    told = with_information(
        chosen.reset_index(drop=True), information.drop(columns=["partition", "source"]), level and float(level)
    )
    facts = {"id": bundle.id, **bundle.facts}
    cases = sorted(set(table["case_id"]))
    return statements(told, cases, config, bundle.json("ladder.json"), facts, _amounts(bundle, config))


def _amounts(bundle: Bundle, config: Mapping[str, Any]) -> dict[str, str]:
    """The unit of each endpoint that is no probability."""
    text = bundle.files["dictionary.csv"].decode()
    dictionary = DataDictionary.read(io.StringIO(text), "the bundle's dictionary.csv")
    units = {"ordinal": lambda one: "rank", "duration": lambda one: str(one.get("unit") or "days"),
             "continuous": lambda one: dictionary[one["variable"]].unit}  # fmt: skip
    return {name: units[one["kind"]](one) for name, one in config["endpoints"].items() if one["kind"] in units}


def _tasks(request: ExportRequest, place: StudyStore, said: Mapping[str, Statement]) -> list[CaseExport]:
    recipe = _recipe(place)
    masks = _masks(place, recipe) if "seg" in request.kinds and recipe is not None else {}
    inputs = read_json(place.stage("cohort") / "inputs.json")
    root = request.study.root
    return [
        CaseExport(
            statement,
            request.kinds,
            request.out / case_id,
            series=_series(root, request.series, case_id, _ordered(inputs.get(case_id, {}).get("images", {}), recipe)),
            mask=masks.get(case_id),
            pdf=root / request.pdf.replace(CASE_PLACE, case_id) if request.pdf else None,
            date=request.date,
            seg_kind=request.seg_kind,
        )
        for case_id, statement in said.items()
    ]


def _ordered(images: Mapping[str, str | None], recipe: Recipe | None) -> list[str]:
    """The paths of a case's images, that of the image which the mask lies on first."""
    on = recipe.mask_on if recipe is not None else ""
    return [path for _, path in sorted(images.items(), key=lambda one: (one[0] != on, one[0])) if path]


def _series(root: Path, pattern: str, case_id: str, images: Sequence[str]) -> Path | None:
    """Where a case's DICOM series lies; none where there is none."""
    if pattern:
        path = root / pattern.replace(CASE_PLACE, case_id)
        return path if path.exists() else None
    return next((path for path in (root / name for name in images) if holds_dicom(path) or is_dicom(path)), None)


def _recipe(place: StudyStore) -> Recipe | None:
    """The recipe behind the masks of the segment stage; none where the study has no masks."""
    described = read_json(place.stage("segment") / MANIFEST)["config"]["recipe"]
    return None if described is None else Recipe.from_json(described)


def _masks(place: StudyStore, recipe: Recipe) -> dict[str, StoredMask]:
    """The masks of the segment stage by case."""
    folder = place.stage("segment")
    network = str(read_json(folder / SEGMENTER)["name"]) if (folder / SEGMENTER).exists() else ""
    found = {case_id: folder / "cases" / key for case_id, key in read_json(folder / "index.json").items()}
    return {
        case_id: StoredMask(path.with_name(f"{path.name}.nii.gz"), read_json(path.with_name(f"{path.name}.json")),
                            recipe, network)
        for case_id, path in found.items()
    }  # fmt: skip


def _reason(error: BaseException | None) -> str:
    if isinstance(error, StoreRefusal):
        raise error
    return reason(error)
