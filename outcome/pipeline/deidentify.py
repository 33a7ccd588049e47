"""`outcome deidentify`: a study's table, dictionary, images, masks and study file without what names its patients.

Whole or not at all: everything is written into a folder beside the one asked for, which takes its name at the end.
Nothing but what may leave is ever written there, so that a run that was killed leaves nothing that may not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from outcome.cohort.agreement import check_agreement
from outcome.cohort.inputs import case_inputs
from outcome.config import Study, load_study
from outcome.deidentification.key import Key
from outcome.deidentification.record import Leaving, Person, leaving
from outcome.deidentification.rules import Rules
from outcome.deidentification.study_file import DICTIONARY, TABLE, placed
from outcome.dictionary import DataDictionary
from outcome.errors import EXIT_OK, EXIT_SOME_FAILED, DataRefusal, OutcomeError, UsageError
from outcome.executor import Workers, map_cases
from outcome.pipeline.deidentify_case import CaseTask, ImageFacts, is_series, refuse_mixed, write_case
from outcome.pipeline.stage import Progress, no_progress
from outcome.recipe import CaseInput
from outcome.sources.tables import read_record
from outcome.store import TEMPORARY_PREFIX, write_folder, write_json, write_text

STAGE, RECORD, STUDY = "deidentify", "deidentified.json", "study.yaml"
PROMISE = (
    "Research use only. No promise that nobody can be recognised, nor that HIPAA or the GDPR is met: rare values, "
    "pixels and what others know are not judged here (docs/deidentify.md)."
)
_HEAD = "# Written by `outcome deidentify`; deidentified.json says what was done.\n"
Images = Mapping[str, Mapping[str, ImageFacts]]  # by source case id, by image


@dataclass(frozen=True)
class DeidentifyRequest:
    """What is handed over, by which key and rules, and where to."""

    study: Study
    out: Path
    key: Key = field(repr=False)
    rules: Rules = field(default_factory=Rules)
    workers: Workers = field(default_factory=Workers)


@dataclass(frozen=True, eq=False)
class Deidentified:
    """What was written. `failed`: source case ids of images that could not be read, with the images' codes."""

    record: Mapping[str, Any]
    failed: Mapping[str, str]

    @property
    def exit_code(self) -> int:
        return EXIT_SOME_FAILED if self.failed else EXIT_OK


def deidentify(request: DeidentifyRequest, progress: Progress = no_progress) -> Deidentified:
    """Write a study that may leave into `request.out`; its source is only read.

    Raises DataRefusal where images are flagged and that is to be refused, UsageError for a folder that is no new one.
    """
    _refuse_place(request)
    study = request.study
    dictionary = DataDictionary.load(study.dictionary)
    table = read_record(study.table, study.root, dictionary).table
    left = leaving(study, dictionary, table, request.key, request.rules)
    inputs = case_inputs(study, [person.case_id for person in left.people])
    document = placed(left.document, study, _dicom(inputs))
    _sweep(request.out)
    ended: list[Deidentified] = []

    def produce(folder: Path) -> None:
        images = _write_images(request, left.people, inputs, folder, progress)
        _refuse_flagged(images, request.rules)
        record = _record(request, left, images)
        _write_record(folder, left, document, record)
        ended.append(Deidentified(record, _failed(images)))

    write_folder(request.out, produce)
    return ended[0]


def _write_images(
    request: DeidentifyRequest, people: tuple[Person, ...], inputs: Mapping[str, CaseInput], folder: Path,
    progress: Progress,
) -> Images:  # fmt: skip
    tasks = [CaseTask(one, inputs[one.case_id], request.key, request.rules.flagged, folder) for one in people]
    found: dict[str, Mapping[str, ImageFacts]] = {}
    progress(STAGE, 0, len(tasks))
    for number, done in enumerate(map_cases(request.workers, write_case, tasks), start=1):
        if done.value is None:
            raise _told(done.error)
        found[done.item.person.case_id] = done.value
        progress(STAGE, number, len(tasks))
    return dict(sorted(found.items()))


def _told(error: BaseException | None) -> BaseException:
    """An error without its words, which may quote a file: a full disk and our own refusals say nothing of a patient."""
    if isinstance(error, (OutcomeError, OSError)):
        return error
    return DataRefusal(
        "an image ended in an error of ours", found=type(error).__name__, next_step="outcome check STUDY.yaml"
    )


def _write_record(folder: Path, left: Leaving, document: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    write_text(folder / TABLE, left.table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / DICTIONARY, left.dictionary.to_csv())
    write_text(folder / STUDY, _HEAD + yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100))
    check_agreement(load_study(folder / STUDY), DataDictionary.load(folder / DICTIONARY))
    write_json(folder / RECORD, record)


def _record(request: DeidentifyRequest, left: Leaving, images: Images) -> dict[str, Any]:
    """What was done, for whoever receives it: pseudonyms, counts and reasons."""
    names = {person.case_id: person.name for person in left.people}
    cases = {names[case]: {name: facts.to_json() for name, facts in found.items()} for case, found in images.items()}
    return {
        "schema_version": 1, "created_by": f"outcome {metadata.version('surgical-outcome')}", "promise": PROMISE,
        "study": request.study.name, "key_check": request.key.check, "rules": request.rules.to_json(),
        "table": dict(left.facts), "cases": dict(sorted(cases.items())),
    }  # fmt: skip


def _failed(images: Images) -> dict[str, str]:
    told = {case: ", ".join(f"{name}: {facts.refused}" for name, facts in found.items() if facts.refused)
            for case, found in images.items()}  # fmt: skip
    return {case: reason for case, reason in told.items() if reason}


def _refuse_flagged(images: Images, rules: Rules) -> None:
    found = [f"{case}, {name}: {', '.join(flag.code for flag in facts.flags)}"
             for case, by_name in images.items() for name, facts in by_name.items() if facts.flags]  # fmt: skip
    if found and rules.flagged == "refuse":
        raise DataRefusal(
            f"{len(found)} image(s) may show who the patient is", found="\n    ".join(found),
            expected="images without text in their pixels and without a face",
            next_step="look at them; mend the source, or --flagged leave-out, or --flagged allow (docs/deidentify.md)",
        )  # fmt: skip


def _dicom(inputs: Mapping[str, CaseInput]) -> set[str]:
    """The images that are DICOM. Raises DataRefusal where one is only in some cases."""
    forms: dict[str, set[bool]] = {}
    for case in inputs.values():
        for name, path in case.images.items():
            forms.setdefault(name, set()).add(is_series(path))
    for name, found in forms.items():
        refuse_mixed(name, found)
    return {name for name, found in forms.items() if True in found}


def _refuse_place(request: DeidentifyRequest) -> None:
    out, root = request.out.resolve(), request.study.root.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{request.out} is in use", expected="a new or an empty folder", next_step="choose another --out"
        )
    if out == root or root in out.parents or out in root.parents:
        raise UsageError(
            "--out lies in the study's folder, or the other way round",
            expected="a folder apart: the source is only read",
            next_step="choose another --out",
        )  # fmt: skip


def _sweep(out: Path) -> None:
    """Remove what runs to the same place left that were killed."""
    for path in out.parent.glob(f"{TEMPORARY_PREFIX}*-{out.name}"):
        number = path.name.removeprefix(TEMPORARY_PREFIX).removesuffix(f"-{out.name}")
        if number.isdigit() and not _lives(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
