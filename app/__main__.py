"""`python -m app --store DIR --port N`: the dashboard as a program of its own, on this machine's loopback address."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from app.launch import command
from outcome.errors import OutcomeError


def main() -> None:
    """Become the dashboard's server; a refusal is a sentence and its exit code."""
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8501)
    given = parser.parse_args()
    try:
        words = command(given.store, given.port)
    except OutcomeError as error:
        sys.stderr.write(f"refused: {error}\n")
        sys.exit(error.exit_code)
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
