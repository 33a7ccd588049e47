"""The refusal of a DICOM file or series, with its name."""

from __future__ import annotations

from segmentation.errors import ImageRefusal

_AGAIN = "export the series again from the archive"


def refuse(code: str, name: str, message: str, expected: str, found: str, step: str = _AGAIN) -> ImageRefusal:
    """`name` is that of a file or folder; no value of a patient may stand in `found`."""
    return ImageRefusal(code, f"{name}: {message}", expected=expected, found=found, next_step=step)
