"""The command line of the imaging half: measure regions, train a network that outlines them, outline, compare.

`program` holds the commands. It is imported when it is used: `segmentation inspect` answers before all of it is there.
"""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """The entry point named in `pyproject.toml`."""
    if sys.argv[1:2] == ["inspect"]:
        from segmentation.cli.inspect import app
    else:
        from segmentation.cli.program import app
    app()


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from segmentation.cli.program import app

    return app
