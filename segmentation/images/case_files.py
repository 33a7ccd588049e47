"""The images of a folder by case: one file, a 4-D file, or one file a channel named `<case>_0000`, `<case>_0001`, …"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentation.datasets.layouts import read_dataset, recognise
from segmentation.errors import ImageRefusal
from segmentation.images.dicom.folder import holds_dicom
from segmentation.images.reading import IMAGE_SUFFIXES as SUFFIXES
from segmentation.images.reading import is_picture

_CHANNEL = re.compile(r"^(.+)_(\d{4})$")


@dataclass(frozen=True)
class CaseFiles:
    """A case's files in the order of their channels, and the names of the inputs that have none."""

    name: str
    files: tuple[Path, ...]
    missing: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises ImageRefusal (`missing_sequence`) where an input has no file."""
        if self.missing:
            raise ImageRefusal(
                "missing_sequence",
                f"{self.name} lacks a sequence.",
                expected="one file for each input of the network",
                found=f"none for {', '.join(self.missing)}",
                next_step="add the file, named by the input's place: _0000 is the first",
            )

    @property
    def state(self) -> list[list[str | int]]:
        """Name, size and time of change of each file: equal while nobody writes. Raises OSError."""
        stats = [(path.name, path.stat()) for path in self.files]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def image_cases(place: Path, inputs: Sequence[str]) -> list[CaseFiles]:
    """The cases of a folder, or of one file, by name, for a network with these inputs; hidden files are left out.

    With several inputs `_0000`, `_0001`, … count a case's channels. With one, such a number belongs to the case's name,
    unless `_0000` is the only one (so nnU-Net's folders give their own case names). A picture holds its own
    channels.
    A folder without images that is a data set in a known layout gives the data set's cases; one of DICOM files is a
    case, and one of folders of DICOM files holds a case in each.
    """
    if not place.is_dir():
        return [CaseFiles(_stem(place), (place,))]
    files = sorted(path for path in place.iterdir() if path.name.endswith(SUFFIXES) and not path.name.startswith("."))
    if not files and recognise(place):
        return [CaseFiles(case.case_id, case.images) for case in read_dataset(place).cases]
    if not files:
        return [CaseFiles(folder.name, (folder,)) for folder in _series_folders(place)]
    return [_case(name, members, inputs) for name, members in sorted(_grouped(files, len(inputs)).items())]


def _series_folders(place: Path) -> list[Path]:
    """The folder itself where it holds DICOM files, else its folders that hold any."""
    if holds_dicom(place, deep=False):
        return [place]
    return [path for path in sorted(place.iterdir()) if not path.name.startswith(".") and holds_dicom(path)]


def _grouped(files: Iterable[Path], inputs: int) -> dict[str, dict[int, Path]]:
    counted: dict[str, dict[int, Path]] = {}
    plain: dict[str, dict[int, Path]] = {}
    for path in files:
        found = _CHANNEL.match(_stem(path))
        if found and not (inputs > 1 and is_picture(path)):
            counted.setdefault(found[1], {})[int(found[2])] = path
        else:
            plain[_stem(path)] = {0: path}
    if inputs > 1:
        return {**counted, **plain}
    for name, members in counted.items():
        alone = list(members) == [0] and name not in plain
        plain |= {name: members} if alone else {_stem(path): {0: path} for path in members.values()}
    return plain


def _case(name: str, members: dict[int, Path], inputs: Sequence[str]) -> CaseFiles:
    files = tuple(members[number] for number in sorted(members))
    if len(inputs) == 1 or _CHANNEL.match(_stem(files[0])) is None or is_picture(files[0]):
        return CaseFiles(name, files)
    return CaseFiles(name, files, tuple(one for number, one in enumerate(inputs) if number not in members))


def _stem(path: Path) -> str:
    ending = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), path.suffix)
    return path.name.removesuffix(ending) if ending else path.name
