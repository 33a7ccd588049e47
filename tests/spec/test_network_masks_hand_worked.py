"""How regions enter an encoder, and how cells and slices are weighed: numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from outcome.models.network.attention_pooling import CellAttention, SliceAttention
from outcome.models.network.encoder_options import cut_out, image_alone
from outcome.models.network.region_pooling import RegionPooling, cell_places, grid_places


def test_a_cut_crop_keeps_two_voxels_around_the_regions_of_its_own_case() -> None:
    crop = torch.zeros(2, 3, 9, 9, 9)
    crop[:, 0] = 5.0
    crop[0, 1, 4, 4, 4] = 1  # one voxel: a cube of 5 stays
    crop[1, 1, 0, 0, 0] = 1  # at a corner: a cube of 3
    crop[1, 2, 8, 8, 8] = 1  # another region at the other corner: as much again
    cut = cut_out(crop)
    assert cut[0, 0].count_nonzero() == 5**3
    assert (cut[0, 0, 2:7, 2:7, 2:7] == 5.0).all()
    assert cut[1, 0].count_nonzero() == 2 * 3**3
    assert torch.equal(cut[:, 1:], crop[:, 1:])
    assert torch.equal(image_alone(crop), crop[:, :1])


def test_a_case_without_a_region_is_cut_to_nothing() -> None:
    assert not cut_out(torch.cat([torch.ones(1, 1, 8, 8, 8), torch.zeros(1, 2, 8, 8, 8)], dim=1)).any()


def test_the_weight_of_a_cell_by_hand() -> None:
    attention = CellAttention(2, 2)
    with torch.no_grad():
        attention.query.copy_(torch.tensor([[0.0, 0.0], [1.0, 100.0]]))
    mixed = torch.tensor([[[0.3, -0.3, 0.0], [0.0, 0.0, 1.0]]])  # one case, two maps, three cells
    often = attention(mixed)[0].detach()
    assert often[0].tolist() == [1.0, 1.0, 1.0]
    expected = [math.exp(3 * math.tanh(0.1)), math.exp(-3 * math.tanh(0.1)), math.exp(3)]
    assert often[1].tolist() == pytest.approx(expected, rel=1e-5)


def test_the_weight_of_a_slice_by_hand() -> None:
    attention = SliceAttention(2, 4)
    mixed = torch.zeros(1, 4, 6)  # two slices of three cells
    mixed[0, 0] = torch.tensor([1.0, 2.0, 3.0, 0.0, 0.0, 0.0])
    assert attention(mixed).tolist() == [[[1.0] * 6]]
    with torch.no_grad():
        attention.query[0] = math.log(3)  # means 2 and 0, over the root of 4: odds of 3 to 1
    assert attention(mixed)[0, 0].tolist() == pytest.approx([1.5] * 3 + [0.5] * 3)


def test_attention_with_a_prior_by_hand() -> None:
    """A region fills cell 0 whole and cell 1 by half; the map says 1 and 3 there, and cell 1 counts twice."""

    class Twice(torch.nn.Module):
        def forward(self, mixed: torch.Tensor) -> torch.Tensor:
            often = torch.ones(1, 2, mixed.shape[2])
            often[0, 1, 1] = 2.0
            return often

    places = grid_places([cell_places(2)] * 3)
    pooling = RegionPooling([1], 1, 1, places, 1, [Twice()])
    with torch.no_grad():
        pooling.mix[0].weight.zero_()
        pooling.mix[0].weight[0, 0] = 1.0
        pooling.mix[0].bias.zero_()
    maps, view, masks = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2)
    maps[0, 0, 0, 0] = torch.tensor([1.0, 3.0])
    masks[0, 0, 0, 0] = torch.tensor([1.0, 0.5])
    pooled = pooling([maps], view, masks)[0].unflatten(0, (4, 2))
    total = 1 + 0.5 * 2 + 1e-3 * 8
    assert pooled[0, 1].item() == pytest.approx((1 * 1 + 0.5 * 2 * 3) / total)
    assert pooled[3, 1].item() == pytest.approx((1 * 1 * -0.5 + 0.5 * 2 * 3 * 0.5) / total)
    assert pooled[0, 0].item() == pytest.approx(4 / (8 + 1e-3 * 8))


@pytest.mark.parametrize("weighing", [CellAttention(2, 3), SliceAttention(1, 3)])
def test_learned_weights_begin_as_the_plain_mean(weighing: torch.nn.Module) -> None:
    torch.manual_seed(0)
    places = grid_places([cell_places(2)] * 3)
    plain, weighed = (RegionPooling([2], 1, 1, places, 3, more) for more in ([], [weighing]))
    weighed.mix.load_state_dict(plain.mix.state_dict())
    told = [torch.rand(2, 2, 2, 2, 2)], torch.rand(2, 1, 2, 2, 2), torch.rand(2, 1, 2, 2, 2)
    torch.testing.assert_close(weighed(*told), plain(*told))
