"""The published data sets themselves: cases, patients, channels, labels, and masks that cover what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segmentation.datasets.layouts import read_dataset, recognise
from segmentation.datasets.mask_sources import Pieces
from segmentation.images.reading import read_mask
from segmentation.planning.rules import survey

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("folder", "layout", "cases", "patients", "channels", "labels"),
    [
        ("dsb2018", "dsb2018", 111, 111, 3, {1}),
        ("ph2", "isic", 100, 100, 3, {1}),
        ("hc18", "hc18", 60, 49, 1, {1}),
        ("lidc", "lidc", 636, 263, 1, {1}),
        ("lgg_mri", "lgg", 61, 61, 1, {1}),
        ("msd_hippocampus", "decathlon", 200, 200, 1, {1, 2}),
        ("brats_subvolumes", "decathlon", 4, 4, 4, {1, 2, 3}),
    ],
)
def test_a_published_set_is_read_as_it_is_described(
    real_data: Path, folder: str, layout: str, cases: int, patients: int, channels: int, labels: set[int]
) -> None:
    assert recognise(real_data / folder) == [layout]
    found = read_dataset(real_data / folder)
    assert (len(found.cases), found.patients, len(found.refused)) == (cases, patients, 0)
    seen = [survey(case) for case in found.cases[:: max(1, cases // 4)]]
    assert {one.channels for one in seen} == {channels}
    assert set().union(*(one.labels for one in seen)) == labels


def test_kits_without_its_images_names_every_case(real_data: Path) -> None:
    found = read_dataset(real_data / "kits23")
    assert (found.layout, len(found.cases), len(found.refused)) == ("kits", 0, 300)
    assert {error.code for error in found.refused.values()} == {"missing_image"}


def test_every_nucleus_of_an_image_is_numbered(real_data: Path) -> None:
    for case in read_dataset(real_data / "dsb2018").cases[:5]:
        assert isinstance(case.mask, Pieces)
        numbered, _ = case.mask.instances()
        assert len(np.unique(numbered)) - 1 == len(list(case.mask.folder.glob("*.png")))
        assert (numbered > 0).sum() == (read_mask(case.mask, {"nucleus": 1}).labels > 0).sum()


def test_heads_have_the_published_pixel_sizes(real_data: Path) -> None:
    first = read_dataset(real_data / "hc18").cases[0]
    mask = read_mask(first.mask, {"head": 1})
    assert mask.grid.spacing_mm[0] == pytest.approx(0.069135804, rel=1e-6)
    # The published circumference of this head is 44.3 mm: as a circle 156 mm2, and half a pixel more around it 159.
    area = (mask.labels > 0).sum() * mask.grid.spacing_mm[0] * mask.grid.spacing_mm[1]
    assert 130 < area < 160
