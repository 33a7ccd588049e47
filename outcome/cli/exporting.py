"""The command that hands over what a model said of a study's cases, as the objects that hospitals' systems read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from outcome.cli.options import AsJson, BundleFolder, Overrides, Quiet, StudyFile, TrustedKeys, WorkerCount
from outcome.cli.screen import Screen
from outcome.config import load_study
from outcome.errors import UsageError
from outcome.executor import Workers
from outcome.serving.sound import admit

if TYPE_CHECKING:
    from outcome.pipeline.export import Exported

ALL_KINDS = "seg,sr,pdf,fhir"
Predictions = Annotated[
    Path, typer.Option("--predictions", metavar="STORE", help="where `outcome predict` or `validate` left them")
]
OutObjects = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="a folder a case is written here")]
SeriesPattern = Annotated[
    str,
    typer.Option("--dicom-series", metavar="PATTERN", help="where the DICOM series of {case_id} lies, relative to the "
                 "study's root; without it an image of the study that is DICOM serves"),
]  # fmt: skip
PdfPattern = Annotated[
    str, typer.Option("--pdf", metavar="PATTERN", help="a PDF of {case_id} in place of the sheet made of its numbers")
]
KindList = Annotated[str, typer.Option("--kinds", metavar="LIST", help="some of seg, sr, pdf, fhir, joined by commas")]
SegType = Annotated[
    Literal["binary", "labelmap"], typer.Option("--seg-type", help="binary: read everywhere; labelmap: Supplement 243")
]
Day = Annotated[
    datetime | None,
    typer.Option("--date", metavar="DAY", formats=["%Y-%m-%d", "%Y%m%d"],
                 help="the date that objects bear, in place of the series' own; never today's"),
]  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("export")(export_command)


def export_command(
    bundle: BundleFolder, study: StudyFile, predictions: Predictions, out: OutObjects, series: SeriesPattern = "",
    kinds: KindList = ALL_KINDS, seg_type: SegType = "binary", pdf: PdfPattern = "", date: Day = None,
    overrides: Overrides = None, workers: WorkerCount = 1, trusted: TrustedKeys = None, json: AsJson = False,
    quiet: Quiet = False,
) -> int:  # fmt: skip
    """Predictions and masks as DICOM (segmentation, structured report, PDF) and FHIR: one folder a case.

    Example: outcome export store/kits23/bundle hospital.yaml --predictions predictions --out objects
    """
    wanted = _kinds(kinds)
    admit(bundle, trusted or ())
    from outcome.pipeline.export import ExportRequest, export_cases  # pydicom and highdicom are needed here alone

    screen = Screen(as_json=json, quiet=quiet)
    loaded = load_study(study, overrides or ())
    day = date.strftime("%Y%m%d") if date else ""
    request = ExportRequest(
        bundle, loaded, predictions, out, wanted, series=series, pdf=pdf, date=day, seg_kind=seg_type,
        workers=Workers(workers),
    )  # fmt: skip
    with screen.progress() as progress:
        done = export_cases(request, progress)
    document = {
        "status": "some failed" if done.failed else "ok", "exit_code": done.exit_code, "bundle_id": done.bundle_id,
        "study": loaded.name, "out": str(out), "kinds": list(wanted), "exported": done.files,
        "left_out": done.left_out, "failed": done.failed,
    }  # fmt: skip
    screen.result(document, lambda s: _show(s, done, document))
    return done.exit_code


def _kinds(text: str) -> tuple[str, ...]:
    known = ALL_KINDS.split(",")
    asked = [word.strip() for word in text.split(",") if word.strip()]
    strangers = [word for word in asked if word not in known]
    if strangers or not asked:
        raise UsageError(
            "--kinds names no such object", expected=f"some of {', '.join(known)}", found=", ".join(strangers) or "none"
        )
    return tuple(word for word in known if word in asked)


def _show(screen: Screen, done: Exported, document: dict[str, Any]) -> None:
    reasons: dict[tuple[str, str], list[str]] = {}
    for case, kinds in done.left_out.items():
        for kind, reason in kinds.items():
            reasons.setdefault((kind, reason), []).append(case)
    for (kind, reason), cases in reasons.items():
        screen.line(f"without {kind}: {len(cases)} cases: {reason}")
    for case, reason in done.failed.items():
        screen.line(f"failed in export: {case}: {reason}")
    screen.line(f"{len(done.files)} cases of bundle {done.bundle_id} in {document['out']} (research use only)")
