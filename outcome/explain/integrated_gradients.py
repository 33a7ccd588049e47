"""How much does each voxel of a crop move the score, on the way from an image without anything to see?

Integrated gradients (Sundararajan, Taly & Yan 2017, arXiv:1703.01365): the mean gradient of the score along a straight
way from a plain image to the case's own, times the difference; the sum over voxels is the difference in score between
the two, but for the error of a finite number of steps, which is told. The plain image is 0 everywhere, the middle of
the soft-tissue window or the mean of the image; regions stay where they are, and so does everything else of the case.
Unlike activation maps it sees what a network measures of whole regions too.

Imports torch and captum: load it only where there is a network to explain.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from outcome.explain.gradcam import ImageNetwork
from outcome.models.inputs import Inputs
from outcome.models.one_thread import one_thread
from outcome.types import FloatArray

STEPS = 32


@dataclass(frozen=True, eq=False)
class Integrated:
    """Each voxel's part in the score, and the score with the plain image and with the case's own."""

    values: FloatArray  # (X, Y, Z); below 0 it lowers the score
    plain_score: float
    score: float

    @property
    def gap(self) -> float:
        """What the voxels do not account for."""
        return self.score - self.plain_score - float(self.values.sum())


def integrated_gradients(network: ImageNetwork, inputs: Inputs, sequence: str, steps: int = STEPS) -> Integrated | None:
    """The first case's voxels; None where it has no crop of the sequence."""
    crop = inputs.crops.get(inputs.case_ids[0], sequence)
    if crop is None:
        return None
    own = deepcopy(network)  # gradients of weights are nobody else's
    whole = torch.from_numpy(crop).float()[None]
    image, regions = whole[:, :1], whole[:, 1:]

    def scores(images: Tensor) -> Tensor:
        made = [own.forward_case(inputs, 0, {sequence: torch.cat([one[None], regions], dim=1)}) for one in images]
        return torch.stack([score.reshape(()) for score in made])

    with one_thread():
        method = IntegratedGradients(scores)
        found = method.attribute(image, torch.zeros_like(image), n_steps=steps, internal_batch_size=1)
        with torch.no_grad():
            plain, score = (float(scores(one)[0]) for one in (torch.zeros_like(image), image))
    return Integrated(found[0, 0].detach().numpy().astype(float), plain, score)
