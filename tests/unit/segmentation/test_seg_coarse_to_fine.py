"""A coarse network's box, its margin, and the fallbacks that keep a region from being lost in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from segmentation.errors import ImageRefusal
from segmentation.outlining.coarse_to_fine import CoarseToFine
from segmentation.outlining.inference import Outlining, Segmenter
from segmentation.types import Mask, Volume, Window
from tests.segmenter_studies import BLOCKS

PLAN = replace(
    BLOCKS, regions={"a": 1, "b": 2}, intensity="none", patch=(8, 8, 8), channels=(4, 8), voxel=(1.0, 1.0, 1.5)
)
AFFINE = np.diag([-1.0, 2.0, 1.5, 1.0])
SHAPE = (40, 24, 30)


class Bright(torch.nn.Module):
    """Region a above 1, region b above 3, each voxel for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = torch.nn.Parameter(torch.tensor([1.0, 4.0]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([0 * image, image - self.steps[0], 2 * image - self.steps[1]], dim=1)


@dataclass
class Given:
    """A coarse model that gives the mask it was made with."""

    mask: Mask
    inputs: tuple[str, ...] = ("image",)
    name: str = "given:0"

    @property
    def regions(self) -> dict[str, int]:
        return dict(self.mask.regions)

    def segment(self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None) -> Mask:
        return self.mask

    def to_bytes(self) -> bytes:
        return b""


def _image(*blocks: tuple[Window, float]) -> Volume:
    array = np.zeros(SHAPE, dtype=np.float32)
    array[0, 0, 0] = -1.0  # an image without contrast is refused
    for window, value in blocks:
        array[window] = value
    return Volume(array, AFFINE)


def _box(i: tuple[int, int], j: tuple[int, int], k: tuple[int, int]) -> Window:
    return slice(*i), slice(*j), slice(*k)


def _coarse(*windows: Window, label: int = 1) -> Given:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for window in windows:
        labels[window] = label
    return Given(Mask(labels, AFFINE, {"a": 1, "b": 2}))


FINE = Segmenter(PLAN, Bright())
ORGAN = _box((10, 20), (8, 14), (9, 18))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many voxels each fine pass saw."""
    seen: list[int] = []
    plain = Segmenter.scores

    def scores(self: Segmenter, scan: tuple[Volume, ...], how: Outlining, box: Window | None = None) -> np.ndarray:
        found = plain(self, scan, how, box)
        seen.append(int(np.prod(found.shape[1:])))
        return found

    monkeypatch.setattr(Segmenter, "scores", scores)
    return seen


def test_the_box_gives_the_mask_of_the_whole_for_less(asked: list[int]) -> None:
    image = _image((ORGAN, 2.0), (_box((13, 16), (10, 12), (12, 15)), 9.0))
    mask, findings = CoarseToFine(_coarse(_box((12, 18), (9, 12), (11, 16))), FINE, 8.0).outline((image,))
    np.testing.assert_array_equal(mask.labels, FINE.segment(image).labels)
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert findings == []
    assert len(asked) == 2
    assert asked[0] < asked[1] / 2


def test_an_outline_at_a_side_makes_the_box_grow_until_it_is_whole(asked: list[int]) -> None:
    image = _image((_box((4, 36), (8, 14), (9, 18)), 2.0))
    mask, findings = CoarseToFine(_coarse(_box((10, 12), (9, 12), (11, 16))), FINE, 3.0).outline((image,))
    np.testing.assert_array_equal(mask.labels, FINE.segment(image).labels)
    assert {finding.code for finding in findings} == {"box_grown"}
    assert len(asked) > 2
    assert asked == sorted(asked)


@pytest.mark.parametrize("coarse", [_coarse(), _coarse(_box((36, 40), (20, 24), (0, 3)))], ids=["nothing", "elsewhere"])
def test_without_a_region_in_the_box_the_whole_image_is_outlined(coarse: Given) -> None:
    image = _image((_box((4, 12), (8, 14), (9, 18)), 2.0))
    mask, findings = CoarseToFine(coarse, FINE, 2.0).outline((image,))
    np.testing.assert_array_equal(mask.labels, FINE.segment(image).labels)
    assert [finding.code for finding in findings] == ["whole_image_outlined"]


def test_a_region_that_only_the_coarse_network_finds_is_told() -> None:
    image = _image((ORGAN, 2.0))
    coarse = _coarse(ORGAN)
    coarse.mask.labels[12:14, 9:12, 10:12] = 2
    _, findings = CoarseToFine(coarse, FINE).outline((image,))
    assert [(finding.code, finding.level) for finding in findings] == [("region_lost", "review")]
    assert findings[0].message.startswith("b:")


def test_intensities_are_scaled_over_the_whole_image() -> None:
    """By the box's own mean and deviation the organ would look like background."""
    plan = replace(PLAN, intensity="z_score")
    image = _image((ORGAN, 2.0))
    fine = Segmenter(plan, Bright())
    mask = CoarseToFine(_coarse(ORGAN), fine, 0.0).segment(image)
    np.testing.assert_array_equal(mask.labels, fine.segment(image).labels)
    assert mask.labels.any()


def test_networks_of_other_inputs_are_refused() -> None:
    coarse = _coarse(ORGAN)
    coarse.inputs = ("t1", "t2")
    with pytest.raises(ImageRefusal) as refused:
        CoarseToFine(coarse, FINE)
    assert refused.value.code == "ensemble_mismatch"
