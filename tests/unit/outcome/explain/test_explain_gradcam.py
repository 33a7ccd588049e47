"""Heat where it belongs: networks solved by hand, a planted corner, and the same patient however a file is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from outcome.explain.gradcam import WEIGHINGS, heat_map
from outcome.explain.heat import HeatMap
from outcome.explain.integrated_gradients import integrated_gradients
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.slice_encoder import slice_places
from outcome.recipe import CaseInput, CropSpec, Recipe
from outcome.types import FloatArray
from outcome.views import crop_places
from segmentation.crops import region_crop
from segmentation.display import three_planes
from segmentation.types import Mask, Volume

SIZE = (8, 10, 12)


class Solved:
    """A network of one layer whose maps are its input times `weights`, read out by `readout` to a score."""

    def __init__(
        self, weights: Sequence[float], readout: Callable[[Tensor], Tensor], view: Callable[[Tensor], Tensor]
    ) -> None:
        kind = nn.Conv3d if view is whole else nn.Conv2d
        self.layer = kind(1, len(weights), 1, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor(weights).reshape(self.layer.weight.shape))
        self.readout, self.view = readout, view

    def forward_case(self, inputs: Inputs, i: int, crops: Mapping[str, Tensor] | None = None) -> Tensor:
        crop = inputs.crops.get(inputs.case_ids[i], "ct")
        assert crop is not None
        image = torch.from_numpy(crop)[0] if crops is None else crops["ct"][0, 0]
        return self.readout(self.layer(self.view(image)))

    def cam_layers(self, sequence: str) -> tuple[nn.Module]:
        assert sequence == "ct"
        return (self.layer,)


def whole(image: Tensor) -> Tensor:
    return image[None, None]


def slices(image: Tensor) -> Tensor:
    """Every slice that a slice encoder of this size reads, on one square grid."""
    found = [image.select(axis, place)[None, None] for axis, place in slice_places(tuple(image.shape))]
    return torch.cat([nn.functional.interpolate(one, (8, 8), mode="area") for one in found])


def case(image: npt.NDArray[np.float32]) -> Inputs:
    crop = np.stack([image, np.ones_like(image)])
    return Inputs(np.zeros((1, 0)), (), {"image:ct": np.array([True])}, ("a",), Crops(held={"a": {"ct": crop}}))


def corner() -> npt.NDArray[np.float32]:
    """Bright to the patient's right, posterior and superior in a crop of three lengths."""
    image = np.zeros(SIZE, dtype=np.float32)
    image[6:8, 0:3, 9:12] = 1.0
    return image


def test_a_mean_of_the_image_is_hot_where_the_image_is_bright() -> None:
    # score = 2 mean(image): every voxel's gradient is alike, so heat = the image
    heat = heat_map(Solved([2.0], lambda maps: maps.mean(), whole), case(corner()), "ct")
    assert heat is not None
    np.testing.assert_allclose(heat, corner())


def test_what_lowers_the_score_is_not_hot() -> None:
    image = corner()
    image[0, 9, 0] = -0.5  # times a weight of 2: lowers
    heat = heat_map(Solved([2.0], lambda maps: maps.mean(), whole), case(image), "ct")
    assert heat is not None
    assert heat[0, 9, 0] == 0.0
    assert heat_map(Solved([-1.0], lambda maps: maps.mean(), whole), case(corner()), "ct") is None
    assert heat_map(Solved([1.0], lambda maps: maps.mean(), whole), case(np.zeros(SIZE, np.float32)), "ct") is None


def test_only_the_place_that_is_read_out_is_hot() -> None:
    # two equally bright corners, the score reads the upper half only: the lower one never counts
    image = corner()
    image[0:2, 7:10, 0:3] = 1.0
    heat = heat_map(Solved([1.0], lambda maps: maps[..., 6:].sum(), whole), case(image), "ct")
    assert heat is not None
    np.testing.assert_allclose(heat, corner())


def test_averages_over_the_whole_image_give_the_map_of_the_paper() -> None:
    def readout(maps: Tensor) -> Tensor:
        pooled = maps.mean(dim=(2, 3, 4))[0]
        return pooled[0] * 1.5 + pooled[1] * 0.7 - pooled[2] * 0.2

    network = Solved([1.0, -0.6, 0.3], readout, whole)
    inputs = case(np.random.default_rng(3).normal(size=SIZE).astype(np.float32))
    heat = heat_map(network, inputs, "ct")
    paper = LayerGradCam(lambda _: network.forward_case(inputs, 0).reshape(1), network.layer)
    drawn = paper.attribute(torch.zeros(1, requires_grad=True), relu_attributions=True).detach().numpy()[0, 0]
    assert heat is not None
    np.testing.assert_allclose(heat, drawn / drawn.max(), atol=1e-6)


def test_the_map_of_the_paper_is_captum_s_wherever_places_count_differently() -> None:
    network = Solved([1.0, -0.6, 0.3], lambda maps: maps[:, 0, 4:].sum() - maps[:, 1].mean(), whole)
    inputs = case(np.random.default_rng(3).normal(size=SIZE).astype(np.float32))
    heat = heat_map(network, inputs, "ct", "grad_cam")
    paper = LayerGradCam(lambda _: network.forward_case(inputs, 0).reshape(1), network.layer)
    drawn = paper.attribute(torch.zeros(1, requires_grad=True), relu_attributions=True).detach().numpy()[0, 0]
    assert heat is not None
    np.testing.assert_allclose(heat, drawn / drawn.max(), atol=1e-6)
    by_place = heat_map(network, inputs, "ct")
    assert by_place is not None
    assert np.abs(by_place - heat).max() > 0.1, "were both methods one, this test would show nothing"


def test_grad_cam_plus_plus_worked_by_hand() -> None:
    # maps A1 = a, A2 = 2a of the image a = (1, 3, 0, ...); score = A1[0] + 2 A1[1] - A2[0]
    # A1: g = (1, 2), sum A1 = 4: shares g^2 / (2 g^2 + 4 g^3) = 1/6 and 4/40; weight = 1/6 * 1 + 1/10 * 2 = 11/30
    # A2: g = (-1): its positive part is 0, weight 0. Heat = 11/30 * (1, 3), relative to its most (1/3, 1)
    image = np.zeros(SIZE, dtype=np.float32)
    image[0, 0, 0], image[1, 0, 0] = 1.0, 3.0

    def readout(maps: Tensor) -> Tensor:
        return maps[0, 0, 0, 0, 0] + 2 * maps[0, 0, 1, 0, 0] - maps[0, 1, 0, 0, 0]

    heat = heat_map(Solved([1.0, 2.0], readout, whole), case(image), "ct", "grad_cam_plus_plus")
    assert heat is not None
    assert heat[:2, 0, 0].tolist() == pytest.approx([1 / 3, 1.0])
    maps, gradient = torch.tensor([[[[[1.0, 3.0]]]]]), torch.tensor([[[[[1.0, 2.0]]]]])
    assert WEIGHINGS["grad_cam_plus_plus"](maps, gradient).flatten().tolist() == pytest.approx([11 / 30, 33 / 30])


def test_integrated_gradients_of_a_square_add_up_and_are_worked_by_hand() -> None:
    # score = sum of squares: the mean gradient along the way is the value itself, so each voxel's part is its square
    image = corner() * 3
    image[0, 9, 0] = -1.0
    found = integrated_gradients(Solved([1.0], lambda maps: (maps**2).sum(), whole), case(image), "ct")
    assert found is not None
    np.testing.assert_allclose(found.values, image**2, atol=1e-4)
    assert found.score == pytest.approx(float((image**2).sum()))
    assert found.plain_score == 0.0
    assert found.gap == pytest.approx(0.0, abs=1e-3)


def test_too_few_steps_leave_a_gap_that_is_told() -> None:
    steep = Solved([1.0], lambda maps: torch.sigmoid(40 * (maps.mean() - 0.02)), whole)
    gaps = []
    for steps in (2, 64):
        found = integrated_gradients(steep, case(corner() * 5), "ct", steps)
        assert found is not None
        gaps.append(abs(found.gap))
    assert gaps[0] > 10 * gaps[1]


def test_a_network_is_left_as_it_was() -> None:
    network = Solved([1.0], lambda maps: maps.mean(), whole)
    heat_map(network, case(corner()), "ct")
    integrated_gradients(network, case(corner()), "ct", 2)
    assert not network.layer._forward_hooks
    assert network.layer.weight.grad is None


def test_slices_are_put_back_at_their_planes() -> None:
    axis, place = slice_places(SIZE)[0]
    assert axis == 2, "slices along the patient's height come first"
    image = np.zeros(SIZE, dtype=np.float32)
    image[1, 8, place] = 1.0
    heat = heat_map(Solved([1.0], lambda maps: maps[:1].sum(), slices), case(image), "ct")
    assert heat is not None
    assert np.unravel_index(int(heat.argmax()), SIZE) == (1, 8, place)
    assert heat[:, :, slice_places(SIZE)[1][1] :].max() == 0.0, "at the next slice nothing is left of it"


def test_a_corner_seen_in_slices_is_found_from_all_directions() -> None:
    heat = heat_map(Solved([1.0], lambda maps: maps.sum(), slices), case(corner()), "ct")
    assert heat is not None
    x, y, z = np.unravel_index(int(heat.argmax()), SIZE)
    assert x >= 4
    assert y <= 4
    assert z >= 7


def test_a_case_without_the_image_has_no_heat() -> None:
    inputs = Inputs(np.zeros((1, 0)), (), {}, ("a",))
    assert heat_map(Solved([1.0], lambda maps: maps.mean(), whole), inputs, "ct") is None


def test_a_heat_map_is_placed_and_lies_between_nothing_and_its_most() -> None:
    with pytest.raises(ValueError, match="heat lies in"):
        HeatMap(np.full(SIZE, 1.2), np.eye(4))
    with pytest.raises(ValueError, match="volume"):
        HeatMap(np.zeros((3, 3)), np.eye(4))


class Flat:
    """A plane of 5 x 4 pixels, a millimetre each: rows run against y, columns against x, at z = 2."""

    labels = np.zeros((5, 4), dtype=np.uint8)
    to_patient: FloatArray = np.array([[0.0, -1.0, 3.0], [-1.0, 0.0, 4.0], [0.0, 0.0, 2.0]])


def test_heat_at_the_pixels_of_a_plane_by_hand() -> None:
    # the crop: two voxels a side, 2 mm each, the first in the middle of x 0.5, y 1.5, z 1.5
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = 0.5, 1.5, 1.5
    values = np.zeros((2, 2, 2))
    values[1] = 1.0  # to the patient's right
    heat = HeatMap(values, affine).on(Flat())
    assert heat.shape == (5, 4)
    # columns are x = 3, 2, 1, 0; rows y = 4, 3, 2, 1, 0: y 4 is inside (1.5 + 2 + 1 = 4.5), y 0 outside (0.5)
    np.testing.assert_allclose(heat[0], [1.0, 0.75, 0.25, 0.0])
    assert np.isnan(heat[4]).all()
    assert np.isfinite(heat[:4]).all()


AFFINES = {
    "RAS": np.diag([2.0, 2.0, 3.0, 1.0]),
    "LPS": np.array([[-2.0, 0, 0, 62], [0, -2.0, 0, 62], [0, 0, 3.0, 0], [0, 0, 0, 1]]),
}


def patient(orientation: str) -> tuple[Volume, Mask]:
    """A tumour with a bright spot to its right, back and top, in files stored either way."""
    image, labels = np.full((32, 32, 24), -100, np.int16), np.zeros((32, 32, 24), np.uint8)
    labels[8:20, 10:22, 6:16] = 1
    image[16:19, 11:14, 12:15] = 200
    if orientation == "LPS":
        image, labels = image[::-1, ::-1], labels[::-1, ::-1]
    elif orientation == "IRA":
        image, labels = image.transpose(2, 0, 1)[::-1], labels.transpose(2, 0, 1)[::-1]
        affine = np.array([[0, 2.0, 0, 0], [0, 0, 2.0, 0], [-3.0, 0, 0, 69], [0, 0, 0, 1]])
        return Volume(image, affine), Mask(labels, affine, {"tumor": 1})
    return Volume(image, AFFINES[orientation]), Mask(labels, AFFINES[orientation], {"tumor": 1})


def sees_bright(maps: Tensor) -> Tensor:
    return maps.relu().mean()


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "IRA"])
def test_the_bright_spot_is_hot_in_the_patient_however_the_file_is_stored(orientation: str) -> None:
    image, mask = patient(orientation)
    spec = CropSpec({"ct": "hu"}, "tumor", (12, 14, 10), (48.0, 56.0, 60.0))
    crop = region_crop(image, mask, region="tumor", size=spec.size, extent=spec.extent, scale="hu")
    heat = heat_map(Solved([1.0], sees_bright, whole), case(crop[0]), "ct")
    assert heat is not None
    place = crop_places(CaseInput("a"), mask, Recipe({"tumor": 1}, "ct", crop=spec))["ct"]
    hot = HeatMap(heat, place)
    spot = np.array([17.0, 12.0, 13.0]) * [2, 2, 3]  # the middle of the bright voxels, RAS mm
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    assert np.abs((place @ [*peak, 1])[:3] - spot).max() <= 6.0  # one voxel of the crop
    for plane in three_planes(mask, image):
        on = hot.on(plane)
        assert on.shape == plane.labels.shape
        if np.nanmax(on) > 0.3:
            row, col = np.unravel_index(int(np.nanargmax(on)), on.shape)
            found = plane.to_patient @ [row, col, 1]
            seen = [axis for axis in range(3) if np.abs(plane.to_patient[axis, :2]).max() > 0]
            assert np.abs(found - spot)[seen].max() <= 6.0


def test_a_crop_lies_where_its_own_mask_is() -> None:
    _, mask = patient("RAS")
    recipe = Recipe({"tumor": 1}, "ct", crop=CropSpec({"ct": "hu", "mr": "z_score"}, "tumor"))
    places = crop_places(CaseInput("a"), mask, recipe)
    assert places["ct"].tolist() == places["mr"].tolist()
    assert crop_places(CaseInput("a"), mask, Recipe({"tumor": 1})) == {}
    empty = Mask(np.zeros((4, 4, 4), np.uint8), np.eye(4), {"tumor": 1})
    assert crop_places(CaseInput("a"), empty, recipe) == {}
