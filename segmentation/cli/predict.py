"""`segmentation predict`: masks of new images by one trained model or several."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segmentation.cli.answers import (
    EXIT_REFUSED,
    AsJson,
    Device,
    Failures,
    answer,
    end,
    existing,
    failed,
    refusals,
    say,
)
from segmentation.device import choose_device
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import CaseFiles, image_cases

if TYPE_CHECKING:
    from segmentation.outlining.model import Model
    from segmentation.outlining.prediction import CaseAnswer, FolderRun, Outliner

Models = Annotated[
    list[Path], typer.Argument(metavar="MODEL...", help="files that `segmentation train` wrote, or a folder of them")
]
Input = Annotated[Path, typer.Option("--input", help="an image, or a folder of images")]
Output = Annotated[Path, typer.Option(help="folder for the masks, which get the images' names")]
Coarse = Annotated[Path | None, typer.Option(help="a network that finds where MODEL then outlines")]
Margin = Annotated[float, typer.Option(min=0, metavar="MM", help="around what --coarse finds, mm")]
Uncertainty = Annotated[bool, typer.Option("--uncertainty", help="also volumes of entropy and of members' variance")]
Masks = Annotated[int, typer.Option(min=0, metavar="N", help="also N masks a case: the members', or at N thresholds")]
Mirrored = Annotated[
    bool, typer.Option("--mirrored", help="ask about mirror images too, along the plan's symmetric axes")
]
Half = Annotated[bool, typer.Option("--half", help="in bf16: faster where the processor has it, not to the bit")]
Workers = Annotated[int, typer.Option(min=1, help="cases in hand at once: one is read while another is computed")]
Again = Annotated[bool, typer.Option("--again", help="outline again what is done")]
Watch = Annotated[bool, typer.Option("--watch", help="wait for new files until a signal (Ctrl-C) comes")]
Interval = Annotated[
    float, typer.Option(min=0.05, metavar="S", help="between two looks; a file must stay alike so long")
]


def predict(
    models: Models,
    input_: Input,
    output: Output,
    coarse: Coarse = None,
    margin: Margin = 20.0,
    uncertainty: Uncertainty = False,
    masks: Masks = 0,
    mirrored: Mirrored = False,
    half: Half = False,
    workers: Workers = 1,
    again: Again = False,
    watch: Watch = False,
    interval: Interval = 2.0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Outline the regions on every image. A damaged image is named and left out (with no other: refused).

    Several models are asked as one: the mean of their probabilities. Sequences of a case are files CASE_0000,
    CASE_0001, … in the order of the model's inputs, or one 4-D file.

    Example: segmentation predict hippocampus.safetensors --input imagesTs --output masks
    """
    files = [path for model in models for path in _model_files(existing(model, "the model"))]
    existing(input_, "the input")
    from segmentation.outlining.ensemble import Asked  # torch takes seconds to import
    from segmentation.outlining.inference import Outlining
    from segmentation.outlining.prediction import FolderRun, outliner_of

    with refusals():
        chosen = choose_device(device)
        asked = Asked(uncertainty, masks, Outlining(mirrored, half))
        before = None if coarse is None else _loaded(existing(coarse, "the coarse model"), chosen)
        outliner = outliner_of([_loaded(path, chosen) for path in files], asked, before, margin)
        run = FolderRun(outliner, output, workers, again)
        found = _watched(run, input_, interval) if watch else _once(run, input_)
    _answer(outliner, found, output, as_json)


def _answer(outliner: Outliner, found: Sequence[CaseAnswer], output: Path, as_json: bool) -> None:
    failures: Failures = {one.name: one.error for one in found if one.error is not None}
    done = [one for one in found if one.error is None]
    document: dict[str, Any] = {
        "segmenter": outliner.name,
        "cases": len(done),
        "skipped": sum(one.skipped for one in done),
        "output": output.name,
        "findings": {one.name: list(one.findings) for one in done if one.findings},
        "agreement": {one.name: one.agreement for one in done if one.agreement},
        "failed": failed(failures),
    }
    answer(document, as_json=as_json)
    if failures and not done:
        raise typer.Exit(EXIT_REFUSED)
    end(failures)


def _model_files(path: Path) -> list[Path]:
    """The file, or all models of a folder."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.safetensors"))
    if not found:
        raise typer.BadParameter(f"the folder {path.name} holds no model (.safetensors)")
    return found


def _loaded(path: Path, device: str) -> Model:
    from segmentation.models import load_model

    return load_model(path.read_bytes(), device)


def _once(run: FolderRun, place: Path) -> list[CaseAnswer]:
    cases = image_cases(place, run.outliner.inputs)
    if not cases:
        raise ImageRefusal(
            "no_cases", "No image.", expected="one or more", found="none",
            next_step="name a folder that holds .nii, .nii.gz, .png, .jpg or .tif files",
        )  # fmt: skip
    return list(_told(run.run(cases)))


def _watched(run: FolderRun, place: Path, interval: float) -> list[CaseAnswer]:
    from segmentation.outlining.watching import watch

    answers: dict[str, CaseAnswer] = {}

    def work(cases: Sequence[CaseFiles]) -> None:
        answers.update((one.name, one) for one in _told(run.run(cases)))

    def look() -> list[CaseFiles]:
        return image_cases(place, run.outliner.inputs) if place.is_dir() else []

    with until_signal() as stop:
        say(f"watching {place.name}")
        watch(look, work, stop, interval)
    for case in look():
        if case.missing:
            answers[case.name] = run.one(case)
    return list(answers.values())


@contextmanager
def until_signal() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set: what is in hand is finished first."""
    stop = Event()
    handle: Callable[[int, Any], None] = lambda number, frame: stop.set()  # noqa: E731
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told(answers: Iterable[CaseAnswer]) -> Iterator[CaseAnswer]:
    for one in answers:
        if one.error is None:
            say(f"{one.name}: {'done before' if one.skipped else 'done'}")
        yield one
