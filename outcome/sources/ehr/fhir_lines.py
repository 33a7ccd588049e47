"""FHIR resources out of a folder of newline-delimited JSON, line by line, as FHIR Bulk Data Access writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome.errors import DataRefusal

_EXPORT_AGAIN = "export the file again: it was cut off or changed on the way"


@dataclass(frozen=True)
class Line:
    """One resource and where it stands."""

    where: str
    resource: dict[str, Any]


class Folder:
    """The files of an export by the type of resource they hold; a file holds one type alone."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataRefusal(
                "the folder of FHIR files does not exist",
                expected="a folder of .ndjson files at `root`/`table.path`",
                found=f"nothing at {path}",
                next_step="correct root or table.path in the study file",
            )
        self._files: dict[str, list[Path]] = {}
        for file in sorted(path.glob("*.ndjson")):
            first = next(_lines(file), None)
            if first is not None:
                self._files.setdefault(str(first.resource["resourceType"]), []).append(file)
        self._path = path

    def resources(self, kind: str, *, needed: bool = True) -> Iterator[Line]:
        """Every resource of a type. Raises DataRefusal where no file holds the type, and for a broken line."""
        if kind not in self._files and needed:
            raise DataRefusal(
                f"no file holds {kind} resources",
                expected=f"{kind}.ndjson",
                found=", ".join(sorted(self._files)) or f"no .ndjson file with a resource in {self._path.name}",
                next_step="export this type too, or take its variables out of the mapping",
            )
        for file in self._files.get(kind, []):
            for line in _lines(file):
                if line.resource["resourceType"] != kind:
                    raise DataRefusal(
                        f"{line.where} holds another type of resource than its file",
                        expected=kind,
                        found=str(line.resource["resourceType"]),
                        next_step="one type a file, as a bulk export writes them",
                    )
                yield line


def _lines(file: Path) -> Iterator[Line]:
    with file.open(encoding="utf-8-sig", newline="\n") as text:
        try:
            for number, line in enumerate(text, start=1):
                if line.strip():
                    yield Line(f"{file.name} line {number}", _resource(line, f"{file.name} line {number}"))
        except UnicodeDecodeError:
            raise DataRefusal(
                f"{file.name} is no text in UTF-8", expected="UTF-8, as JSON demands", next_step=_EXPORT_AGAIN
            ) from None


def _resource(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataRefusal(
            f"{where} is no whole JSON object",
            expected="one resource a line",
            found=f"{error.msg} at character {error.pos + 1} of {len(line.rstrip())}",
            next_step=_EXPORT_AGAIN,
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str) or not found.get("id"):
        raise DataRefusal(f"{where} is no FHIR resource", expected="an object with resourceType and id")
    return found
