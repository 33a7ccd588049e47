"""Objects whose bytes follow from their content: what a library takes from the clock is taken out again."""

from __future__ import annotations

import io
import warnings

from pydicom.dataset import Dataset


def settle(data: Dataset) -> None:
    """Take the time of writing out of an object."""
    for name in ("InstanceCreationDate", "InstanceCreationTime"):
        if name in data:
            delattr(data, name)
    for equipment in data.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in equipment:
            del equipment.ContributionDateTime


def object_bytes(data: Dataset) -> bytes:
    """The file of an object: the same bytes for the same object."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a series says of its patient is copied as it is
        data.save_as(out, enforce_file_format=True)
    return out.getvalue()
