"""What stands in each kind of file, checked before anything is made of it. The hashes of a bundle prove nothing of it:
whoever changes a file can write its hash anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from outcome.bundle.arrays import check_npz
from outcome.bundle.folder import AGAIN
from outcome.bundle.json_text import strict_json
from outcome.bundle.tables import check_parquet
from outcome.bundle.tensors import check_safetensors
from outcome.errors import BundleRefusal


def check_contents(files: Mapping[str, bytes]) -> None:
    """Raises BundleRefusal for the first file that does not hold what its kind of file may hold."""
    for name, data in files.items():
        words, check = CHECKS[PurePosixPath(name).suffix]
        try:
            check(data)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            reason = str(error).splitlines() or [type(error).__name__]
            raise BundleRefusal(
                f"the bundle's {name} does not hold what training writes",
                expected=words,
                found=reason[0][:160],
                next_step=f"{AGAIN}; do not use this copy",
            ) from error


def _check_text(data: bytes) -> None:
    """Text without anything a terminal would obey."""
    odd = next((c for c in data.decode("utf-8") if not (c.isprintable() or c in "\n\r\t\u00a0\u202f\u2009")), None)
    if odd is not None:
        raise ValueError(f"the character {odd!a}")


CHECKS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    ".json": ("strict JSON with finite numbers", strict_json),
    ".npz": ("plain arrays with finite numbers", check_npz),
    ".txt": ("text in UTF-8", _check_text),
    ".csv": ("text in UTF-8", _check_text),
    ".md": ("text in UTF-8", _check_text),
    ".parquet": ("a table without rows", check_parquet),
    ".safetensors": ("tensors with finite numbers", check_safetensors),
}
