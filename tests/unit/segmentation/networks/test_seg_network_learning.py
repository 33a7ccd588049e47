"""Every network learns two phantoms by heart: what it is built of lets a signal through, forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segmentation.learning.losses import CRITERIA, supervised
from segmentation.learning.training import first_network
from segmentation.networks import NETWORKS
from segmentation.networks.randomness import drawing
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import completed, read_plan
from segmentation.preparation.preprocess import prepare_mask, prepare_scan
from tests.segmenter_studies import BLOCKS, PLANS, SLICES, patient

CONFIGS = Path(__file__).parents[4] / "configs" / "segmentation"
SLOW = ("swin_unetr_3d",)  # the same code as in 2-D, half a minute of it
STEPS, BETWEEN, ENOUGH = 300, 10, 0.95
RATES = {"deeplab_2d": 5e-3, "timm_2d": 5e-3, "mask_rcnn_2d": 1e-3}
PATCHES = {"deeplab_2d": (48, 48, 1), "mask_rcnn_2d": (48, 48, 1)}  # their maps lie some voxels apart


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _phantoms(plan: SegmenterPlan) -> tuple[torch.Tensor, torch.Tensor]:
    """Two patients, kidney and background; in 2-D two slices of each."""
    images, classes = [], []
    for number in (0, 1):
        volume, mask = patient(number, (*plan.patch[:2], 8 if plan.dimensions == 2 else plan.patch[2]))
        image = torch.from_numpy(prepare_scan((volume,), plan))
        truth = torch.from_numpy(prepare_mask(mask, volume.grid, plan)).long().clamp(max=1)
        if plan.dimensions == 3:
            images.append(image)
            classes.append(truth)
            continue
        for k in (3, 5):
            images.append(image[0, :, :, k - 1 : k + 2].permute(2, 0, 1))
            classes.append(truth[:, :, k])
    return torch.stack(images), torch.stack(classes)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in SLOW])
def test_it_learns_two_phantoms_by_heart(name: str) -> None:
    patch = PATCHES.get(name, PLANS[name].patch if NETWORKS[name].multiple > 8 else (16, 16, 16))
    plan = replace(PLANS[name], regions={"kidney": 1}, patch=patch)
    image, truth = _phantoms(plan)
    network, criterion = first_network(plan), CRITERIA[plan.loss]
    own = getattr(network, "loss", None)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATES.get(name, 3e-3))
    dice = 0.0
    for step in range(STEPS):
        with drawing(step):
            loss = own(image, truth, criterion) if own else supervised(network.train()(image), truth, criterion)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        optimizer.step()
        if step % BETWEEN == BETWEEN - 1:
            with torch.inference_mode():
                drawn = network.eval()(image).argmax(dim=1) == 1
            network.train()
            dice = float(2 * (drawn & (truth == 1)).sum() / (drawn.sum() + (truth == 1).sum()))
            if dice >= ENOUGH:
                return
    pytest.fail(f"Dice {dice:.2f} after {STEPS} steps")


OWN = ["unet_large_kernel", "unet_factorised", "unet_dilated", "unet_without_skips"]
OWN += ["attention_multiscale_crf", "inception_unet_brats", "mask_rcnn"]


@pytest.mark.parametrize("name", [*(n for n in NETWORKS if (CONFIGS / f"{n}.yaml").exists()), *OWN])
def test_every_configuration_completes_a_plan_from_the_data_and_can_be_built(name: str) -> None:
    said = read_plan(CONFIGS / f"{name}.yaml")
    start = SLICES if NETWORKS[said["network"]].dimensions == 2 else BLOCKS
    plan = completed(said, replace(start, patch=(64, 64, 64)))
    assert name in (plan.network, *OWN)
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in first_network(plan).parameters()) > 1000
