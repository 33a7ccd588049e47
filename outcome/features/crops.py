"""The voxels that image networks read: one crop a case and sequence, row-wise, nothing learned from other cases.

A crop is float32, shape (1 + regions, X, Y, Z) along the patient's x (to the right), y (anterior) and z (superior):
channel 0 is the scaled image, then one 0/1 channel a region, sorted by the regions' names (a bundle's JSON keeps no
other order). How it is cut: `segmentation.crops`.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.errors import StoreRefusal
from outcome.recipe import CropArray
from outcome.store import read_json

IMAGE_PREFIX = "image:"
SUFFIX = ".npz"
SHELF = "crops"
INDEX = "index.json"
FORMAT = 1  # of the files: part of what makes a stored crop current
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, TypeError, NotImplementedError)
# zlib at its fastest: noise hardly shrinks at any level, masks and empty borders do at all of them.
_LEVEL = 1


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops by case and sequence, read from disk when asked for, or held in memory.

    `files` maps a case to its npz; `held` maps a case to its arrays by sequence, in half or single precision.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, npt.NDArray[Any]]] = field(default_factory=dict)

    def get(self, case_id: str, sequence: str) -> CropArray | None:
        """A case's crop of a sequence; None where it has none. Raises StoreRefusal for a missing or damaged file."""
        if case_id in self.held:
            crop = self.held[case_id].get(sequence)
        else:
            crop = self._read(case_id, (sequence,)).get(sequence)
        return None if crop is None else np.asarray(crop, dtype=np.float32)

    def load(self, case_ids: Iterable[str], sequences: Collection[str] | None = None) -> Crops:
        """The crops of these cases (and sequences) held in memory, for repeated reading; others are unknown to it.

        In half precision, which loses nothing of what a file holds: two bytes a voxel and channel.
        """
        held: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for case_id in dict.fromkeys(case_ids):
            found = self.held[case_id] if case_id in self.held else self._read(case_id, sequences)
            held[case_id] = {
                name: crop.astype(np.float16) for name, crop in found.items() if sequences is None or name in sequences
            }
        return Crops(held=held)

    def _read(self, case_id: str, sequences: Collection[str] | None) -> Mapping[str, CropArray]:
        path = self.files.get(case_id)
        if path is None:
            return {}
        try:
            return read_crops(path.read_bytes(), sequences)
        except (OSError, *_DAMAGED) as error:
            raise StoreRefusal(
                f"the crops of case {case_id} cannot be read",
                expected=str(path),
                found=f"{type(error).__name__}: {error}",
                next_step="outcome features STUDY.yaml makes it again",
            ) from error


NO_CROPS = Crops()


def open_crops(folder: Path) -> Crops:
    """The crops that the features stage left in its folder; none where the study has no image blocks."""
    if not (folder / INDEX).exists():
        return NO_CROPS
    keys = read_json(folder / INDEX)
    return Crops(files={case_id: folder / SHELF / f"{key}{SUFFIX}" for case_id, key in keys.items()})


def crop_bytes(crops: Mapping[str, CropArray]) -> bytes:
    """A case's crops as an npz: images in half precision, masks as bytes; the same crops give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for sequence, crop in sorted(crops.items()):
            _add(archive, f"{sequence}.image", crop[0].astype("<f2"))
            _add(archive, f"{sequence}.mask", crop[1:].astype(np.uint8))
    return out.getvalue()


def read_crops(content: bytes, sequences: Collection[str] | None = None) -> dict[str, CropArray]:
    """The crops behind `crop_bytes`, by sequence; of the given sequences alone where there are any named."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        names = [name.removesuffix(".image") for name in archive.files if name.endswith(".image")]
        return {name: _joined(archive, name) for name in names if sequences is None or name in sequences}


def _joined(archive: Mapping[str, npt.NDArray[Any]], name: str) -> CropArray:
    return np.concatenate([archive[f"{name}.image"][None], archive[f"{name}.mask"]], dtype=np.float32)


def _add(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(array), allow_pickle=False)
    entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: the time of writing is no part of the content
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content.getvalue(), compresslevel=_LEVEL)
