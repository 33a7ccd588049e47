"""Lightning Fabric, imported after the cure: seconds that a server of processes pays once for all that it forks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from outcome.models.network.encoders import cure

cure()
_fabric = import_module("lightning.fabric")
_environments = import_module("lightning.fabric.plugins.environments")


def fabric_alone(**how: Any) -> Any:
    """Fabric for one process; those of a training are started by us, each with one of these.

    Without being told so, Fabric would take a worker that Slurm started for a part of one training.
    """
    return _fabric.Fabric(plugins=_environments.LightningEnvironment(), **how)
