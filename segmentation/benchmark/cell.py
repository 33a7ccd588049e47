"""One cell of the table: a model trained on one part of one data set with one seed, and judged on the rest.

Its folder belongs to one key; with another key it is emptied first. `model.safetensors` is the model, `cost.json` what
it cost, `result.json`, written last, everything that is the same on every machine of one kind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation.assessment.evaluation import CaseAgreement, judge
from segmentation.assessment.named_regions import Regions, single_labels
from segmentation.benchmark.config import Analysis
from segmentation.benchmark.contestants import Contestant
from segmentation.benchmark.errors_of_case import errors_of
from segmentation.benchmark.noise import noisy
from segmentation.benchmark.overlays import overlay, representative
from segmentation.benchmark.parts import Part
from segmentation.benchmark.stopwatch import Stopwatch
from segmentation.device import peak_bytes
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan
from segmentation.learning.checkpoint import write_atomically
from segmentation.learning.training_case import TrainingCase
from segmentation.metrics import Settings, dice
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Mask

if TYPE_CHECKING:
    from segmentation.outlining.model import Model

KEY, RESULT, COST, MODEL, STEPS = "key.txt", "result.json", "cost.json", "model.safetensors", "steps.txt"
Document = dict[str, Any]


@dataclass(frozen=True)
class Judging:
    """How masks are judged: regions, the settings of distances, and what is asked of the errors."""

    regions: Regions
    settings: Settings
    analysis: Analysis


@dataclass(frozen=True)
class CellWork:
    """All that a cell needs; `key` and `code` name it (`any_code`: what other code finished is kept), `minutes` is the
    budget where it is not in the plan's steps."""

    contestant: Contestant
    part: Part
    judging: Judging
    folder: Path
    key: str
    device: str = "cpu"
    minutes: float | None = None
    code: str = ""
    any_code: bool = False


def finished(work: CellWork) -> Document | None:
    """What a finished cell holds, result and cost; None where it is not done, or was another's."""
    try:
        result = json.loads((work.folder / RESULT).read_text(encoding="utf-8"))
        cost = json.loads((work.folder / COST).read_text(encoding="utf-8"))
        same = result["key"] == work.key and (work.any_code or result["code"] == work.code)
        return {**result, "cost": cost} if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def work_on(work: CellWork) -> None:
    """Train, judge and write a cell; goes on where a killed one stopped. Raises ImageRefusal as training does."""
    _claim(work)
    model, steps = _model(work)
    found = _judged(work, model)
    document = {
        "key": work.key, "code": work.code, "name": model.name, "made": work.contestant.made.to_json(), "steps": steps,
        "parameters": _parameters(model), **found,
    }  # fmt: skip
    _note_cost(work, peak_mb=round(peak_bytes() / 1e6))
    _write(work.folder / RESULT, document)


def _claim(work: CellWork) -> None:
    note, name = work.folder / KEY, f"{work.key} {work.code}"
    if work.folder.exists() and not (note.exists() and note.read_text(encoding="utf-8") == name):
        shutil.rmtree(work.folder)
    write_atomically(note, name.encode())


def _model(work: CellWork) -> tuple[Model, int | None]:
    """The trained model, from its file where it is there, and the steps that were taken."""
    from segmentation.models import load_model

    path = work.folder / MODEL
    if path.exists():
        return load_model(path.read_bytes(), work.device), _cost(work).get("steps")
    start, before = Stopwatch(), _cost(work)
    if isinstance(work.contestant.made, SegmenterPlan):
        data, steps = _trained(work, work.contestant.made, start)
    else:
        data, steps = _fitted(work), None
    _note_cost(work, steps=steps, **start.since(before))
    write_atomically(path, data)
    (work.folder / "training.state").unlink(missing_ok=True)
    return load_model(data, work.device), steps


def _fitted(work: CellWork) -> bytes:
    from segmentation.classical.segmenter import fit_method

    made = work.contestant.made
    if isinstance(made, SegmenterPlan):
        raise TypeError("a network is trained, not fitted")
    return _refined(work, fit_method(work.contestant.method, work.part.learn, made))


def _trained(work: CellWork, plan: SegmenterPlan, start: Stopwatch) -> tuple[bytes, int]:
    from segmentation.learning.training import TrainingSetup, steps_within, train

    note, learn = work.folder / STEPS, work.part.learn
    if work.minutes is not None:
        if not note.exists():
            steps = steps_within(learn, plan, work.minutes, device=work.device)
            write_atomically(note, str(steps).encode())
        plan = replace(plan, steps=int(note.read_text(encoding="utf-8")))
    before = _cost(work)
    setup = TrainingSetup(
        work.device, work.folder / "training.state", judged=lambda *_: _note_cost(work, **start.since(before))
    )
    done = train(learn, plan, setup)
    return _refined(work, done.segmenter), done.steps


def _refined(work: CellWork, model: Model) -> bytes:
    if not work.contestant.steps:
        return model.to_bytes()
    from segmentation.classical.refined import Refined

    return Refined(model, work.contestant.steps).to_bytes()


def _judged(work: CellWork, model: Model) -> Document:
    """Every test case's measures; one that cannot be outlined is named, and the others go on."""
    cases: dict[str, Document] = {}
    failed: dict[str, str] = {}
    pictures: dict[str, bytes] = {}
    seconds, cpu = 0.0, 0.0
    for case in work.part.test:
        try:
            watch = Stopwatch()
            drawn = model.segment(scan := read_scan(case.images))
            seconds, cpu = seconds + watch.seconds, cpu + watch.cpu
            truth = read_mask(case.mask, single_labels(work.judging.regions))
            cases[case.case_id] = _measured(work, case, truth, drawn)
            pictures[case.case_id] = overlay(scan[0], truth, drawn)
        except ImageRefusal as error:
            failed[case.case_id] = error.code
    if not cases:
        found = ", ".join(sorted(set(failed.values())))
        raise ImageRefusal("no_cases", "No test case could be outlined.", expected="one", found=found)
    _note_cost(work, case_s=seconds / len(cases), case_cpu_s=cpu / len(cases))
    noise = {repr(level): _under_noise(work, model, level) for level in work.judging.analysis.noise}
    shown = representative({name: _mean_dice(one) for name, one in cases.items()})
    for kind, name in shown.items():
        write_atomically(work.folder / f"{kind}.png", pictures[name])
    return {"cases": cases, "failed": failed, "noise": noise, "overlays": shown}


def _measured(work: CellWork, case: TrainingCase, truth: Mask, drawn: Mask) -> Document:
    judging, reach = work.judging, work.judging.analysis.boundary_mm
    seen = judge(case.case_id, case.patient, (truth, drawn), judging.regions, judging.settings)
    in_mm = judging.settings.units_mm
    errors = {name: errors_of(truth, drawn, of, reach, in_mm=in_mm) for name, of in judging.regions.items()}
    return {
        "patient": case.patient,
        "regions": {name: _values(seen, name) for name in seen.regions},
        "sizes": dict(seen.sizes),
        "errors": {name: one.to_json() for name, one in errors.items()},
    }


def _values(seen: CaseAgreement, region: str) -> Document:
    """Each measure's number, or the reason why there is none."""
    return {name: found.reason if found.value is None else found.value for name, found in seen.regions[region].items()}


def _under_noise(work: CellWork, model: Model, level: float) -> dict[str, dict[str, float]]:
    """Dice of every region of the first cases with noise; a case that is refused then is left out."""
    table: dict[str, dict[str, float]] = {}
    for case in work.part.test[: work.judging.analysis.noise_cases]:
        try:
            drawn = model.segment(noisy(read_scan(case.images), level, case.case_id))
        except ImageRefusal:
            continue
        truth = read_mask(case.mask, single_labels(work.judging.regions))
        table[case.case_id] = {name: dice(truth, drawn, of) for name, of in work.judging.regions.items()}
    return table


def _mean_dice(case: Mapping[str, Any]) -> float:
    values = [float(region["dice"]) for region in case["regions"].values()]
    return sum(values) / len(values)


def _parameters(model: Model) -> int:
    """How many numbers were learned."""
    inner: Any = getattr(model, "model", model)
    network = getattr(inner, "network", None)
    if network is not None:
        return int(sum(weights.numel() for weights in network.parameters()))
    return int(sum(array.size for array in inner.numbers.values()))


def _cost(work: CellWork) -> Document:
    try:
        return dict(json.loads((work.folder / COST).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _note_cost(work: CellWork, **found: float | None) -> None:
    _write(work.folder / COST, {**_cost(work), **found})


def _write(path: Path, document: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(document, indent=1, sort_keys=True).encode())
