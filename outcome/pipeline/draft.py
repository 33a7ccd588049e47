"""`outcome draft`: a first dictionary and study file beside one's own table, never over files that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcome.cohort.draft import draft
from outcome.errors import UsageError
from outcome.store import write_text


def write_draft(table: Path, out: Path) -> dict[str, Any]:
    """Write `dictionary.csv` and `study.yaml` into `out`. Raises UsageError where one of them is there already."""
    made = draft(table)
    paths = {"dictionary": out / "dictionary.csv", "study": out / "study.yaml"}
    there = [str(path) for path in paths.values() if path.exists()]
    if there:
        raise UsageError("the draft would overwrite files", found=", ".join(there), next_step="choose another --out")
    write_text(paths["dictionary"], made.dictionary)
    write_text(paths["study"], made.study)
    lines = [
        f"wrote {paths['dictionary']} and {paths['study']}",
        f"{len(made.todo)} things only a person can know are marked TODO: {', '.join(made.todo[:12])}"
        + (" …" if len(made.todo) > 12 else ""),
        f"next: edit both files (docs/own_study.md), then outcome check {paths['study']}",
    ]
    return {
        "status": "ok",
        **{name: str(path) for name, path in paths.items()},
        "todo": list(made.todo),
        "lines": lines,
    }
