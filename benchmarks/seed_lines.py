"""A file with a JSON line a finished seed, so that a long measurement goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def measured(pool: Executor, measure: Callable[[int], Row], seeds: Iterable[int], file: Path | None) -> list[Row]:
    """What `measure` says of each seed, in order of seeds, with those that the file holds already; the file grows."""
    done = _read(file)
    todo = [seed for seed in seeds if seed not in done]
    for seed, row in zip(todo, pool.map(measure, todo), strict=True):
        done[seed] = row
        _write(file, done)
    return [done[seed] for seed in sorted(done)]


def _read(file: Path | None) -> dict[int, Row]:
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
    return {int(row.pop("seed")): row for row in map(json.loads, lines)}


def _write(file: Path | None, done: Mapping[int, Row]) -> None:
    if file:
        lines = [json.dumps({"seed": seed, **done[seed]}) for seed in sorted(done)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
