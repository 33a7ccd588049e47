"""Labelled images that no patient has: masks of the labelled cases bent, and images drawn to fit them.

A variational autoencoder whose decoder reads the mask at every size (SPADE, from MONAI) learns from the labelled cases
alone. Its images are smooth, so what it cannot explain is added as noise of the same size.

Reference: Park T et al. Semantic image synthesis with spatially-adaptive normalization. CVPR 2019.
doi:10.1109/CVPR.2019.00244
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from segmentation.augmentation.augment import Source, cut, draw_variation
from segmentation.device import reproducible
from segmentation.learning.sources import spots_of
from segmentation.networks.randomness import drawing, noise
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.lesson import Beginning
from segmentation.scarce_labels.recipes import Task

_PATCH, _NOISE, _MASK = 7, 8, 9  # streams of random numbers
CHANNELS, LATENT, GROUPS = (16, 32, 32), 4, 8
KEPT_CLOSE = 1e-3  # weight of the distance of codes from standard normal ones
RATE = 1e-3
BENT_VOXELS = 2.0  # standard deviation of the bending of masks
MOST = 64  # images


@dataclass(frozen=True, eq=False)
class Generator:
    """A trained autoencoder, and the standard deviation of what it leaves unexplained."""

    network: nn.Module
    unexplained: float
    plan: SegmenterPlan

    def image(self, classes: torch.Tensor, seed: int) -> torch.Tensor:
        """An image patch (channels, *spatial) for classes (*spatial); another seed gives another image."""
        mask = _padded(_one_hot(classes[None], self.plan))
        with torch.no_grad(), drawing(seed):
            small = [n // _MULTIPLE for n in mask.shape[2:]]
            code = noise(torch.empty(1, LATENT, *small, device=mask.device))
            drawn = self.network.decode(code, mask)  # type: ignore[operator]
            drawn = _cropped(drawn, classes.shape)
            return (drawn + self.unexplained * noise(drawn))[0]


_MULTIPLE = 2 ** (len(CHANNELS) - 1)


def generator_of(sources: list[Source], plan: SegmenterPlan, device: str = "cpu") -> Generator:
    """Trained on patches of the labelled cases for the plan's steps; the seed decides everything."""
    with reproducible():
        network = _autoencoder(plan).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        errors = []
        for number in range(plan.steps):
            image, classes = (part.to(device) for part in _patches(sources, plan, number))
            with drawing(int(np.random.default_rng([plan.seed, _NOISE, number]).integers(2**63))):
                cost, error = _cost(network, image, _one_hot(classes, plan))
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            errors.append(float(error))
    last = errors[-max(1, plan.steps // 10) :]
    return Generator(network.eval(), float(np.sqrt(np.mean(last))), plan)


def generated_sources(generator: Generator, sources: list[Source], number: int) -> list[Source]:
    """So many labelled images of the size of a patch; their masks are bent, turned and scaled patches of given ones."""
    return [_generated(generator, sources[n % len(sources)], n) for n in range(number)]


def generated_images(task: Task) -> Beginning:
    """As many generated images as labelled cases, `MOST` at most, are learned from beside them."""
    generator = generator_of(task.labelled, task.plan, task.device)
    made = generated_sources(generator, task.labelled, min(MOST, len(task.labelled)))
    return Beginning([*task.labelled, *made], task.start)


def _generated(generator: Generator, source: Source, number: int) -> Source:
    plan = generator.plan
    bent = replace(plan.augmentation, space=1.0, intensity=0.0, elastic_mm=BENT_VOXELS * min(source.spacing_mm))
    rng = np.random.default_rng([plan.seed, _MASK, number])
    wanted = replace(plan, augmentation=bent)
    _, classes = cut(source, wanted, draw_variation(source, wanted, rng))
    at = next(generator.network.parameters()).device
    image = generator.image(classes.to(at), int(rng.integers(2**63))).cpu() - plan.fill
    if plan.dimensions == 2:  # its neighbours stay empty, as at the ends of a series
        image = image.unflatten(0, (len(plan.inputs), -1))[:, plan.neighbours].unsqueeze(-1)
        classes = classes[..., None]
    name, labels = f"generated_{number:03d}", classes.to(torch.uint8)
    return Source(name, name, image.contiguous(), labels, spots_of(labels.numpy(), name), source.spacing_mm)


def _autoencoder(plan: SegmenterPlan) -> nn.Module:
    from monai.networks.nets import SPADEAutoencoderKL  # takes seconds to import

    levels = len(CHANNELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network: nn.Module = SPADEAutoencoderKL(
            plan.dimensions, plan.classes, plan.channels_read, plan.channels_read, num_res_blocks=(1,) * levels,
            channels=CHANNELS, attention_levels=(False,) * levels, latent_channels=LATENT, norm_num_groups=GROUPS,
            with_encoder_nonlocal_attn=False, with_decoder_nonlocal_attn=False, spade_intermediate_channels=16,
        )  # fmt: skip
    return network


def _cost(network: nn.Module, image: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the autoencoder is to make small, and its mean squared error."""
    mean, spread = network.encode(_padded(image))  # type: ignore[operator]
    code = mean + spread * noise(spread)
    drawn = _cropped(network.decode(code, _padded(mask)), image.shape[2:])  # type: ignore[operator]
    far = 0.5 * (mean.square() + spread.square() - 2 * spread.log() - 1).mean()
    return functional.l1_loss(drawn, image) + KEPT_CLOSE * far, functional.mse_loss(drawn, image).detach()


def _patches(sources: list[Source], plan: SegmenterPlan, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = []
    for member in range(plan.batch):
        rng = np.random.default_rng([plan.seed, _PATCH, number, member])
        source = sources[int(rng.integers(len(sources)))]
        pairs.append(cut(source, plan, draw_variation(source, plan, rng)))
    image, classes = (torch.stack(part) for part in zip(*pairs, strict=True))
    return image, classes


def _one_hot(classes: torch.Tensor, plan: SegmenterPlan) -> torch.Tensor:
    return torch.stack([classes == number for number in range(plan.classes)], dim=1).float()


def _padded(maps: torch.Tensor) -> torch.Tensor:
    """Sizes brought up to what the autoencoder can halve."""
    short = [(-n) % _MULTIPLE for n in maps.shape[2:]]
    return functional.pad(maps, [n for more in reversed(short) for n in (0, more)])


def _cropped(maps: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return maps[(slice(None), slice(None), *(slice(0, n) for n in size))]
