"""`segmentation networks`: every network and classical method by name, with what can be set."""

from __future__ import annotations

import json

import typer

from segmentation.classical import METHODS
from segmentation.cli.answers import AsJson
from segmentation.networks import NETWORKS


def networks(as_json: AsJson = False) -> None:
    """What `segmentation train` can train: networks (--network), then classical methods (--method).

    Example: segmentation networks --json
    """
    named = {
        name: {"dimensions": family.dimensions, "options": dict(family.options), "words": family.words}
        for name, family in NETWORKS.items()
    }
    if as_json:
        methods = {name: {"options": dict(method.options), "words": method.words} for name, method in METHODS.items()}
        typer.echo(json.dumps({"networks": named, "methods": methods}, indent=1))
        return
    told = {name: (family.words, family.options) for name, family in NETWORKS.items()}
    told |= {name: (method.words, method.options) for name, method in METHODS.items()}
    for name, (words, stated) in told.items():
        options = ", ".join(f"{option} {value}" for option, value in stated)
        typer.echo(f"{name}\t{words}" + (f" [{options}]" if options else ""))
