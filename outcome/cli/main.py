"""The program's entry: collects the commands and turns every ending into its exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence

import typer
import typer.exceptions

from outcome.cli import (
    around,
    assessing,
    bundles,
    deidentifying,
    exporting,
    monitoring,
    protocol,
    quarantine,
    recalibration,
    repeating,
    review,
    stages,
)
from outcome.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, OutcomeError

app = typer.Typer(
    name="outcome",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Predict surgical outcomes from preoperative imaging and the health record. Research use only.",
)
stages.register(app)
assessing.register(app)
repeating.register(app)
protocol.register(app)
recalibration.register(app)
exporting.register(app)
deidentifying.register(app)
monitoring.register(app)
bundles.register(app)
around.register(app)
quarantine.register(app)
review.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with the documented exit code (`outcome.errors.EXIT_CODES`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words))


def run(words: Sequence[str]) -> int:
    """Run one command line; every error becomes a message and an exit code, never a traceback."""
    try:
        code = int(app(args=list(words), standalone_mode=False) or EXIT_OK)
        # typer makes a silent exit code of the user's Ctrl-C
        return _interrupted(words) if code == EXIT_INTERRUPTED else code
    except typer.Exit as end:
        return end.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted(words)
    except typer.exceptions.TyperException as error:
        return _tell(words, f"{error}\n  next step: outcome {' '.join(words[:1])} --help", EXIT_USAGE, "usage")
    except OutcomeError as error:
        return _tell(words, str(error), error.exit_code, "refused")
    except Exception as error:
        return _bug(words, error)


def _interrupted(words: Sequence[str]) -> int:
    said = "interrupted; finished work is kept and a repeat goes on from there"
    return _tell(words, said, EXIT_INTERRUPTED, "interrupted")


def _bug(words: Sequence[str], error: Exception) -> int:
    if os.environ.get("OUTCOME_DEBUG"):
        traceback.print_exc()
    what = f"a bug of ours: {type(error).__name__}: {error}"
    return _tell(words, f"{what}\n  next step: repeat with OUTCOME_DEBUG=1 and report what it prints", EXIT_BUG, "bug")


def _tell(words: Sequence[str], message: str, code: int, status: str) -> int:
    if "--json" in words:
        sys.stdout.write(json.dumps({"status": status, "exit_code": code, "message": message}) + "\n")
    sys.stderr.write(f"{status}: {message}\n")
    return code
