"""Every command of `segmentation`, in the order of its help. Commands import what they need to start, not more."""

from __future__ import annotations

import typer

from segmentation.cli.agreement import agreement
from segmentation.cli.augmenting import augment
from segmentation.cli.benchmarking import ablate, benchmark
from segmentation.cli.datasets import datasets
from segmentation.cli.evaluate import evaluate
from segmentation.cli.explaining import explain
from segmentation.cli.exporting import export_dicom, export_seg
from segmentation.cli.features import features
from segmentation.cli.inspect import inspect
from segmentation.cli.networks import networks
from segmentation.cli.placement import placement
from segmentation.cli.plan import plan
from segmentation.cli.predict import predict
from segmentation.cli.preparing import prepare
from segmentation.cli.radiomics import radiomics
from segmentation.cli.radiomics_diff import radiomics_diff
from segmentation.cli.refining import refine
from segmentation.cli.review import review
from segmentation.cli.search import search
from segmentation.cli.stream import stream
from segmentation.cli.train import train

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Masks and measurements from images.")


@app.callback()
def _root() -> None:
    """Masks and measurements from images."""


_COMMANDS = (
    inspect,
    radiomics,
    radiomics_diff,
    placement,
    features,
    datasets,
    networks,
    plan,
    prepare,
    augment,
    search,
    train,
    predict,
    stream,
    refine,
    explain,
    evaluate,
    agreement,
    review,
    export_dicom,
    export_seg,
    benchmark,
    ablate,
)
for _command in _COMMANDS:
    app.command()(_command)
