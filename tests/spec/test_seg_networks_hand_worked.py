"""The parts of the segmentation networks against what they stand for: a patch classifier, torch's own operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from segmentation.errors import ImageRefusal
from segmentation.learning.training import first_network
from segmentation.networks.attention_unet import AttentionUNet
from segmentation.networks.cnn import PatchCNN
from segmentation.networks.fcn import FCN
from segmentation.networks.layers import Kernel, convolution, group_norm, norm, without_batch_statistics
from segmentation.networks.resizing import highest_around, pooled, resized, unpooled
from segmentation.networks.segnet import SegNet
from segmentation.networks.timm_unet import EncoderUNet
from segmentation.outlining.weights import pack, unpack
from segmentation.torchvision_cure import cure_torchvision
from tests.segmenter_studies import BLOCKS, PLANS, SLICES


def _noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _classified(network: PatchCNN, patch: torch.Tensor) -> torch.Tensor:
    """The patch classifier itself: no padding, halvings between its stages, one voxel left at the end."""
    for number, layer in enumerate(network.layers):
        patch = functional.leaky_relu(functional.conv2d(patch, layer.weight, layer.bias), 0.01)
        if number % 2:
            patch = functional.max_pool2d(patch, 3, stride=2)
    patch = functional.leaky_relu(functional.conv2d(patch, network.dense.weight, network.dense.bias), 0.01)
    return network.head(patch)[..., 0, 0]


def test_the_patch_cnn_says_of_every_voxel_what_the_classifier_says_of_the_patch_around_it() -> None:
    plan = replace(SLICES, network="cnn_2d", channels=(4, 6, 8), patch=(40, 40, 1))
    network, image = first_network(plan).eval(), _noise(1, 3, 40, 40)
    assert isinstance(network, PatchCNN)
    # 1 + (4 + 2) of the first stage + twice that of the second + two steps of 4 in the dense layer.
    assert network.receptive_field == (27, 27)
    with torch.no_grad():
        whole = network(image)
        for x, y in ((13, 13), (20, 17), (26, 26)):
            patch = image[:, :, x - 13 : x + 14, y - 13 : y + 14]
            torch.testing.assert_close(whole[:, :, x, y], _classified(network, patch), rtol=1e-4, atol=1e-5)


def test_nothing_outside_the_receptive_field_moves_a_score() -> None:
    plan = replace(BLOCKS, network="cnn_3d", channels=(4, 8), patch=(40, 24, 16))
    network, image = first_network(plan).eval(), _noise(1, 1, 40, 24, 16)
    moved = image.clone()
    reach = network.receptive_field[0] // 2
    moved[:, :, reach + 1 :] += 1
    with torch.no_grad():
        before, after = network(image), network(moved)
    assert torch.equal(before[:, :, 0], after[:, :, 0])
    assert not torch.equal(before[:, :, 1], after[:, :, 1])


@pytest.mark.parametrize("size", [(7, 9), (5, 3), (16, 16), (1, 11)])
def test_resizing_is_torchs_linear_interpolation(size: tuple[int, int]) -> None:
    maps = _noise(2, 3, 6, 5)
    torch.testing.assert_close(resized(maps, size), functional.interpolate(maps, size, mode="bilinear"))
    block = _noise(1, 2, 4, 6, 5)
    wanted = functional.interpolate(block, (8, *size), mode="trilinear")
    torch.testing.assert_close(resized(block, (8, *size)), wanted)


@pytest.mark.parametrize(("shape", "stride"), [((8, 6), (2, 2)), ((4, 6, 8), (2, 1, 2)), ((4, 4, 4), (2, 2, 2))])
def test_pooling_and_its_undoing_are_torchs(shape: Sequence[int], stride: tuple[int, ...]) -> None:
    maps = _noise(2, 3, *shape).requires_grad_()
    small, chosen = pooled(maps, stride)
    pool = functional.max_pool2d if len(shape) == 2 else functional.max_pool3d
    wanted, places = pool(maps, stride, stride, return_indices=True)
    assert torch.equal(small, wanted)
    undo = functional.max_unpool2d if len(shape) == 2 else functional.max_unpool3d
    assert torch.equal(unpooled(small, chosen, stride), undo(wanted, places, stride, stride))
    weights = _noise(*small.shape)
    torch.testing.assert_close(*(torch.autograd.grad((x * weights).sum(), maps)[0] for x in (small, wanted)))


def test_of_equal_values_the_first_place_counts() -> None:
    small, chosen = pooled(torch.ones(1, 1, 2, 2), (2, 2))
    assert unpooled(small, chosen, (2, 2)).tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_the_highest_around_is_a_pooling_at_every_voxel() -> None:
    maps = _noise(1, 2, 9, 7)
    torch.testing.assert_close(highest_around(maps, (1, 1)), functional.max_pool2d(maps, 3, 1, 1))
    two_apart = highest_around(maps, (2, 0))[0, 0, 4]
    assert torch.equal(two_apart, maps[0, 0, [2, 4, 6]].amax(0))
    assert torch.equal(highest_around(maps, (0, 2))[0, 0, :, 0], maps[0, 0, :, [0, 2]].amax(1))
    torch.testing.assert_close(highest_around(maps, (1, 0)), functional.max_pool2d(maps, (3, 1), 1, (1, 0)))


def test_fcns_first_upsampling_is_linear_and_each_class_for_itself() -> None:
    network = FCN(1, 2, (4, 4, 4, 4), ((2, 2),) * 3)
    scores = _noise(1, 2, 6, 6)
    up = network.up[-1](scores)
    wanted = functional.interpolate(scores, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(up[:, :, 1:-1, 1:-1], wanted[:, :, 1:-1, 1:-1])


def test_fcn_8s_adds_three_depths_and_goes_up_eight_times_at_once() -> None:
    network = FCN(1, 2, (2, 2, 2, 2, 2, 2), ((2, 2),) * 5)
    assert [layer.stride for layer in network.up] == [(2, 2), (2, 2), (8, 8)]
    assert len(network.scores) == 3
    assert network(_noise(1, 1, 64, 64)).shape == (1, 2, 64, 64)


def test_segnets_decoder_sees_only_where_the_highest_values_were() -> None:
    network, image = SegNet(1, 2, (4, 8), ((2, 2),)).eval(), _noise(1, 1, 8, 8)
    seen: list[torch.Tensor] = []
    network.up[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        maps = network.down[0](image)
        network(image)
    places = functional.max_unpool2d(*functional.max_pool2d(maps, 2, return_indices=True), 2) != 0
    assert bool((places | (seen[0] == 0)).all())
    assert float((seen[0] != 0).float().mean()) == 0.25


def test_gates_lie_between_shut_and_open_and_follow_the_image_in_size() -> None:
    network, image = first_network(PLANS["attention_unet_3d"]).eval(), _noise(2, 1, 24, 24, 16)
    assert isinstance(network, AttentionUNet)
    with torch.no_grad():
        gates = network.gate_maps(image)
    assert gates.shape == (2, 1, 24, 24, 16)
    assert 0 <= float(gates.min()) < float(gates.max()) <= 1


def test_a_gate_that_is_shut_takes_the_shortcut_away() -> None:
    network, image = first_network(PLANS["attention_unet_2d"]).eval(), _noise(1, 3, 24, 24)
    assert isinstance(network, AttentionUNet)
    with torch.no_grad():
        before = network(image)
        for gate in network.gates:
            gate.opening.weight.zero_()
            gate.opening.bias.fill_(-1000.0)
        assert float(network.gate_maps(image).max()) == 0
        shut = network(image)
        flat = PLANS["attention_unet_2d"].channels[0]
        network.up[0][0].weight[:, flat:] += 5.0  # what reads the shortcut no longer matters
        assert torch.equal(network(image), shut)
    assert not torch.equal(before, shut)


def test_batch_norms_become_group_norms_with_their_weights_and_activations() -> None:
    class WithAct(nn.BatchNorm2d):
        def __init__(self, width: int) -> None:
            super().__init__(width)
            self.act = nn.Hardswish()

    network = nn.Sequential(nn.Conv2d(1, 16, 1), nn.BatchNorm2d(16), nn.Sequential(WithAct(16)))
    with torch.no_grad():
        network[1].weight.copy_(torch.arange(16.0))
        network[1].bias.fill_(2.0)
    made = without_batch_statistics(network)
    assert isinstance(made[1], nn.GroupNorm)
    assert made[1].weight.tolist() == list(range(16))
    assert set(made[1].bias.tolist()) == {2.0}
    assert [type(part) for part in made[2][0]] == [nn.GroupNorm, nn.Hardswish]
    assert isinstance(without_batch_statistics(nn.BatchNorm3d(4)), nn.GroupNorm)


def test_groups_hold_eight_channels_or_all_there_are() -> None:
    assert [group_norm(n).num_groups for n in (1, 3, 8, 16, 24, 20, 64, 17)] == [1, 1, 1, 2, 3, 2, 8, 1]


def test_kernels_look_as_far_as_they_say() -> None:
    """An impulse spreads by (size - 1) / 2 times the dilation along each axis, factorised or not."""
    image = torch.zeros(1, 1, 31, 31)
    image[..., 15, 15] = 1
    for kernel, reach in ((Kernel(3), 1), (Kernel(7), 3), (Kernel(5, True), 2), (Kernel(3, True, 4), 4)):
        seen = convolution(1, 2, (1, 1), kernel)(image)[0].abs().sum(0).nonzero()
        assert (seen.amin(0).tolist(), seen.amax(0).tolist()) == ([15 - reach] * 2, [15 + reach] * 2)
    weights = [sum(p.numel() for p in convolution(8, 8, (1, 1, 1), Kernel(7, split)).parameters()) for split in (0, 1)]
    assert weights == [8 * 8 * 343, 3 * 8 * 8 * 7]


@pytest.mark.parametrize("options", [{"kernel": 7}, {"kernel": 5, "factorised": True}, {"dilation": 4}])
def test_u_net_options_change_the_network_and_survive_its_bytes(options: dict[str, int | bool]) -> None:
    plan = replace(BLOCKS, options=options)
    network, image = first_network(plan).eval(), _noise(1, 1, *BLOCKS.patch)
    _, again = unpack(pack(plan, network))
    with torch.no_grad():
        assert torch.equal(again(image), network(image))
    plain = {name: value.shape for name, value in first_network(BLOCKS).state_dict().items()}
    changed = {name: value.shape for name, value in network.state_dict().items()}
    assert (plain == changed) == ("dilation" in options)
    assert not torch.equal(first_network(BLOCKS).eval()(image), network(image))


@pytest.mark.parametrize("options", [{"kernel": 4}, {"kernel": True}, {"skips": 1}, {"dilation": 9}])
def test_values_that_no_network_can_be_built_with_are_refused(options: dict[str, int | bool]) -> None:
    with pytest.raises(ImageRefusal, match="options"):
        replace(BLOCKS, options=options)


def test_an_encoder_starts_from_the_weights_of_a_local_file_and_is_read_back_without_it(tmp_path: Path) -> None:
    cure_torchvision()
    import timm  # imports torchvision, which must be cured first

    source, file = timm.create_model("mobilenetv3_small_050"), tmp_path / "encoder.safetensors"
    save_file(source.state_dict(), file)
    options = {"encoder": "mobilenetv3_small_050", "weights": str(file)}
    plan = replace(PLANS["timm_2d"], options=options)
    network = first_network(plan)
    assert isinstance(network, EncoderUNet)
    given, kept = source.state_dict(), network.encoder.state_dict()
    shared = kept.keys() & given.keys()
    assert len(shared) > 80
    assert all(torch.equal(kept[name], given[name]) for name in shared)
    data = pack(plan, network)
    file.unlink()
    assert pack(*unpack(data)) == data
    with pytest.raises(ImageRefusal) as refused:
        first_network(plan)
    assert refused.value.code == "encoder_weights"
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("name", ["no_such_model", "hf-hub:someone/something", "vgg11_bn.nobody"])
def test_an_encoder_that_timm_does_not_have_is_refused_and_never_looked_up(name: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        first_network(replace(PLANS["timm_2d"], options={"encoder": name}))
    assert refused.value.code == "bad_plan"


def test_a_group_of_maps_keeps_how_strongly_each_answers() -> None:
    ramp = torch.linspace(-1, 1, 16).reshape(1, 1, 4, 4)
    maps = torch.cat([ramp * strength for strength in (9.0, 1.0)] + [ramp] * 6, dim=1)
    alone, among = (norm(2, 8, kind)(maps)[0].detach().std(dim=(1, 2)) for kind in ("instance", "group"))
    assert float(alone[0] / alone[1]) == pytest.approx(1, abs=1e-3)
    assert float(among[0] / among[1]) == pytest.approx(9, abs=1e-3)


def test_a_plan_says_which_norms_a_unet_has() -> None:
    plan = replace(SLICES, options={"norm": "group"})
    for asked, other in ((plan, nn.InstanceNorm2d), (SLICES, nn.GroupNorm)):
        assert not any(isinstance(module, other) for module in first_network(asked).modules())
