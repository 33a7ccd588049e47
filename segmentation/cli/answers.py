"""How every command answers: results on stdout, progress and refusals on stderr, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from segmentation.errors import ImageRefusal

EXIT_REFUSED, EXIT_SOME_FAILED = 3, 4

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
Failures = dict[str, ImageRefusal]


@contextmanager
def refusals() -> Iterator[None]:
    """A refusal ends the command with exit code 3 and its reason, without a traceback."""
    try:
        yield
    except ImageRefusal as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(EXIT_REFUSED) from None


def say(text: str) -> None:
    """A line of progress."""
    typer.echo(text, err=True)


def answer(document: Mapping[str, Any], *, as_json: bool) -> None:
    """The result: one JSON document, or a line for each of its plain entries."""
    if as_json:
        typer.echo(json.dumps(document, indent=1))
        return
    for name, value in document.items():
        if value not in ({}, []):
            typer.echo(f"{name}\t{json.dumps(value) if isinstance(value, dict | list) else value}")


def failed(failures: Failures) -> dict[str, str]:
    """Failures by case as the answer's JSON holds them; each is also told on stderr."""
    for name, error in failures.items():
        say(f"{name}: {error.code}: {error}")
    return {name: error.code for name, error in failures.items()}


def end(failures: Failures) -> None:
    """Exit code 4 where some cases failed."""
    if failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def existing(path: Path, what: str) -> Path:
    """Raises a usage error (exit code 2) where a path that must be there is not."""
    if not path.exists():
        raise typer.BadParameter(f"{what} {path.name} is not there: give a path that exists")
    return path
