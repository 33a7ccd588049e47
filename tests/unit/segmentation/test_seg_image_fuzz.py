"""Five hundred spoiled files of each format: an answer or a refusal, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.images.inspection import inspect_image
from tests.image_mutations import spoiled
from tests.image_originals import originals


@pytest.mark.parametrize(("kind", "count"), [("DICOM", 500), ("NIfTI", 500), ("compressed DICOM", 12)])
def test_spoiled_files_are_answered_or_refused(tmp_path: Path, kind: str, count: int) -> None:
    files = originals(tmp_path)[kind]
    contents = [path.read_bytes() for path in files]
    ends = {"ok": 0, "refused": 0}
    for number in range(count):
        original = files[number % len(files)]
        path = original.with_name(f"spoiled{''.join(original.suffixes)}")
        path.write_bytes(spoiled(contents[number % len(files)], np.random.default_rng([7, number])))
        try:
            inspect_image(path)
            ends["ok"] += 1
        except ImageRefusal:
            ends["refused"] += 1
    assert ends["refused"] > count / 4  # the changes do spoil files
    assert kind == "compressed DICOM" or ends["ok"] > 0  # and not all of them
