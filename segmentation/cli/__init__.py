"""The command line of the imaging half: measure regions, train a network that outlines them, outline, compare."""

from __future__ import annotations

import typer

from segmentation.cli.agreement import agreement
from segmentation.cli.evaluate import evaluate
from segmentation.cli.features import features
from segmentation.cli.predict import predict
from segmentation.cli.radiomics import radiomics
from segmentation.cli.radiomics_diff import radiomics_diff
from segmentation.cli.review import review
from segmentation.cli.train import train

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Masks and measurements from images.")


@app.callback()
def _root() -> None:
    """Masks and measurements from images."""


for _command in (radiomics, radiomics_diff, features, train, predict, evaluate, agreement, review):
    app.command()(_command)


def main() -> None:
    """The entry point named in `pyproject.toml`."""
    app()
