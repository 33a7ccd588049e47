"""Weights of one network taken over by another, as far as they fit; and what did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from segmentation.errors import ImageRefusal


@dataclass(frozen=True)
class Transfer:
    """Names of tensors: `taken`; `other_shape`, in both but unlike; `unknown`, given but not in the network; `left`, in
    the network but not given. The network starts with its own first weights in the second and the last."""

    taken: tuple[str, ...]
    other_shape: tuple[str, ...]
    unknown: tuple[str, ...]
    left: tuple[str, ...]

    def words(self) -> str:
        """One line: how many were taken, and the names of those that were not."""
        rest = {"another shape": self.other_shape, "not in this network": self.unknown, "not given": self.left}
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in rest.items() if names)
        return f"{len(self.taken)} tensors taken over" + (f"; {told}" if told else "")


def transfer(network: nn.Module, given: Mapping[str, torch.Tensor]) -> Transfer:
    """Put weights that fit by name and shape into the network (which is changed), and say what did not fit.

    Raises ImageRefusal (`nothing_fits`) where not one does.
    """
    own = network.state_dict()
    fits = sorted(name for name in own.keys() & given.keys() if own[name].shape == given[name].shape)
    if not fits:
        raise ImageRefusal(
            "nothing_fits", "None of the given weights fits the network.",
            expected="a network of the same kind, with channels and strides that are partly equal",
            found=f"{len(given)} tensors, such as {min(given, default='none')}",
            next_step="start from another model, or leave --start out",
        )  # fmt: skip
    network.load_state_dict({**own, **{name: given[name] for name in fits}})
    return Transfer(
        tuple(fits),
        tuple(sorted(name for name in own.keys() & given.keys() if own[name].shape != given[name].shape)),
        tuple(sorted(given.keys() - own.keys())),
        tuple(sorted(own.keys() - given.keys())),
    )
