"""The command for one case: a folder of images and a frozen bundle give risks and the objects that archives read."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from outcome.cli.exporting import ALL_KINDS, Day
from outcome.cli.options import AsJson, BundleFolder, Device, OutFolder, Quiet, TrustedKeys
from outcome.cli.screen import Screen
from outcome.config import load_study
from outcome.errors import UsageError
from outcome.pipeline.device import checked_device
from outcome.pipeline.one_case import OneCase, write_case_study
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.validate import adopt_bundle, apply_bundle
from outcome.serving.sound import admit
from outcome.store import read_json

STAGES = ("cohort", "segment", "radiomics", "features", "predict")
CaseFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="the case's images", show_default=False)]
Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="CSV", help="what is known of the case: one row, columns as in the dictionary"),
]
OwnDictionary = Annotated[
    Path | None,
    typer.Option(
        "--dictionary", metavar="CSV", help="how this hospital calls and measures things; default: the bundle's"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("assess")(assess_command)


def assess_command(
    bundle: BundleFolder, folder: CaseFolder, out: OutFolder, record: Record = None, dictionary: OwnDictionary = None,
    date: Day = None, device: Device = "auto", trusted: TrustedKeys = None, json: AsJson = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """One case: risks, its mask as DICOM segmentation, structured report, PDF and FHIR, from a folder of images.

    Example: outcome assess store/kits23/bundle patient_7 --record patient_7.csv --out assessed
    """
    if out.exists():
        raise UsageError(f"{out} is there already", next_step="name a new --out")
    if not folder.is_dir():
        raise UsageError(
            "the case's images are no folder", found=str(folder), next_step="docs/assess.md says what lies in it"
        )
    admit(bundle, trusted or ())
    screen = Screen(as_json=json, quiet=quiet)
    try:
        case = write_case_study(bundle, folder, out / "study", record, dictionary)
        return _assess(bundle, case, out, date.strftime("%Y%m%d") if date else "", device, screen)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # it was not there before
        raise


def _assess(bundle: Path, case: OneCase, out: Path, day: str, device: str, screen: Screen) -> int:
    from outcome.pipeline.export import ExportRequest, export_cases  # pydicom and highdicom are needed here alone

    study = load_study(case.study)
    applied = apply_bundle(bundle, study, out / "store", outcomes_needed=False)
    with (
        screen.progress() as progress,
        open_run(applied, out / "store", command="assess", progress=progress, device=checked_device(device)) as run,
    ):
        adopt_bundle(run, bundle)
        results = run_stages(run, [STAGE_RUNNERS[stage] for stage in STAGES])
    kinds = tuple(ALL_KINDS.split(","))
    made = export_cases(ExportRequest(bundle, study, out / "store", out / "objects", kinds, date=day))
    code = max(made.exit_code, *(result.exit_code for result in results))
    failed = {name: reason for result in results for name, reason in result.failed.items()} | dict(made.failed)
    document = {
        "status": "some failed" if code else "ok", "exit_code": code, "bundle_id": made.bundle_id,
        "case": case.name, "images": dict(case.found), "record_not_read": list(case.not_read),
        "risks": _risks(out / "objects"), "left_out": made.left_out, "failed": failed,
        "objects": {name: list(files) for name, files in made.files.items()}, "out": str(out),
        "note": "research use only",
    }  # fmt: skip
    screen.result(document, lambda s: _show(s, document))
    return code


def _risks(objects: Path) -> list[dict[str, Any]]:
    """What the objects say, prediction by prediction."""
    return [one for path in sorted(objects.glob("*/risk_assessment.json")) for one in read_json(path)["prediction"]]


def _show(screen: Screen, document: Mapping[str, Any]) -> None:
    for place in document["images"].items():
        screen.line("read {} from FOLDER{}".format(*place))
    for column in document["record_not_read"]:
        screen.line(f"not in the dictionary, not read: {column}")
    for one in document["risks"]:
        screen.line(_sentence(one))
    for case, reason in document["failed"].items():
        screen.line(f"failed: {case}: {reason}")
    for case, files in document["objects"].items():
        screen.line(f"{case}: {', '.join(files)} in {document['out']}/objects (research use only)")


def _sentence(prediction: Mapping[str, Any]) -> str:
    words = prediction["outcome"].get("text", "")
    ranges = [one["valueRange"] for one in prediction.get("extension", ()) if "valueRange" in one]
    interval = "".join(f" ({one['low']['value']:.1f} to {one['high']['value']:.1f})" for one in ranges[:1])
    if "probabilityDecimal" in prediction:
        return f"{words}: {prediction['probabilityDecimal']:.1f} of 100{interval}"
    values = [one["valueQuantity"] for one in prediction.get("extension", ()) if "valueQuantity" in one]
    if values:
        return f"{words}: {values[0]['value']:.1f} {values[0].get('unit', '')}{interval}"
    return f"{words}: {prediction.get('rationale', 'no number is given')}"
