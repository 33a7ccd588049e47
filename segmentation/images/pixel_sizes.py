"""How large a picture's pixels are: what the file says in earnest, or a table beside it; often nobody knows.

A density in dots per inch is how large a picture is printed, and one of the usual ones (72, 96, 300 ...) is a program's
default: neither is believed.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from segmentation.errors import ImageRefusal

PIXEL_SIZE_KEY = "pixel_size_mm"  # the text entry of a PNG in which our own masks keep it
_PRINTED_DPI = (72, 75, 90, 96, 100, 120, 150, 180, 200, 240, 250, 300, 350, 360, 400, 600, 720, 1200, 2400)
_UNITS_MM = {"micron": 1e-3, "um": 1e-3, "\u00b5m": 1e-3, "\\u00b5m": 1e-3, "mm": 1.0, "cm": 10.0}
_X_RESOLUTION, _Y_RESOLUTION, _UNIT, _DESCRIPTION, _CENTIMETRE = 282, 283, 296, 270, 3
_MARKS = re.compile(r"(_annotation|_mask|_segmentation|_seg|_label)$", re.IGNORECASE)

Size = tuple[float, float]  # mm along columns (x) and rows (y)


def pixel_size(path: Path, image: Any) -> Size | None:
    """The size of a pixel in mm along x and y, from the file or from a table beside it; None where unknown.

    `image` is an open picture of Pillow. A table is any `*pixel_size*.csv` in the picture's folder or the one above,
    with a column `filename` and one whose name starts with "pixel size". Raises ImageRefusal (`bad_pixel_table`).
    """
    listed = _listed(path)
    if listed is not None:
        return listed, listed
    return stated_size(image)


def stated_size(image: Any) -> Size | None:
    """`pixel_size` from the file alone."""
    found = _stated(image)
    return found if found and all(math.isfinite(n) and n > 0 for n in found) else None


def _stated(image: Any) -> Size | None:
    if image.format == "TIFF":
        return _of_tiff(image.tag_v2)
    info = image.info
    if PIXEL_SIZE_KEY in info:
        return _numbers(str(info[PIXEL_SIZE_KEY]))
    if image.format == "PNG" and "dpi" in info:
        return _believed(*(float(n) / 2.54 for n in info["dpi"]))
    if image.format == "JPEG" and info.get("jfif_unit") == 2:
        return _believed(*(float(n) for n in info["jfif_density"]))
    return None


def _of_tiff(tags: Mapping[int, Any]) -> Size | None:
    if not (_X_RESOLUTION in tags and _Y_RESOLUTION in tags):
        return None
    x, y = float(tags[_X_RESOLUTION]), float(tags[_Y_RESOLUTION])
    written = str(tags.get(_DESCRIPTION, ""))
    unit = re.search(r"^unit=(\S+)", written, re.MULTILINE)
    if written.startswith("ImageJ") and unit and unit.group(1) in _UNITS_MM and x > 0 and y > 0:
        return _UNITS_MM[unit.group(1)] / x, _UNITS_MM[unit.group(1)] / y
    return _believed(x, y) if tags.get(_UNIT) == _CENTIMETRE else None


def _believed(x: float, y: float) -> Size | None:
    """Dots per cm as mm a pixel, unless a program put them there for print."""
    if not (x > 0 and y > 0) or any(abs(x * 2.54 - dpi) < 0.02 for dpi in _PRINTED_DPI):
        return None
    return 10 / x, 10 / y


def _numbers(text: str) -> Size | None:
    try:
        x, y = (float(part) for part in text.split())
    except ValueError:
        return None
    return x, y


def _listed(path: Path) -> float | None:
    for folder in (path.parent, path.parent.parent):
        for table in sorted(folder.glob("*pixel_size*.csv")):
            sizes = _table(table, table.stat().st_mtime_ns)
            for stem in (path.stem, _MARKS.sub("", path.stem)):
                if stem in sizes:
                    return sizes[stem]
    return None


@lru_cache(maxsize=16)
def _table(path: Path, changed: int) -> Mapping[str, float]:
    """Pixel sizes by file name without its ending."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return dict(_rows(csv.DictReader(lines)))
    except (OSError, ValueError, KeyError) as error:
        raise ImageRefusal(
            "bad_pixel_table",
            f"{path.name}: the table of pixel sizes cannot be read.",
            expected="columns filename and pixel_size_mm, numbers above 0",
            found=f"{type(error).__name__}: {error}",
            next_step="mend the table or take it away",
        ) from error


def _rows(table: csv.DictReader[str]) -> Iterator[tuple[str, float]]:
    names = list(table.fieldnames or ())
    sizes = [name for name in names if re.sub(r"\W+", "_", name.lower()).startswith("pixel_size")]
    if "filename" not in names or len(sizes) != 1:
        raise KeyError("filename and one pixel size")
    for row in table:
        size = float(row[sizes[0]])
        if not 0 < size < math.inf:
            raise ValueError(f"pixel size {size}")
        yield Path(row["filename"]).stem, size
