"""Lightning Fabric, imported after the cure: seconds that a server of processes pays once for all that it forks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from outcome.models.network.encoders import cure

cure()
_FABRIC, _ENVIRONMENTS = (import_module(f"lightning.fabric{part}") for part in ("", ".plugins.environments"))


def local_fabric(device: str, devices: int | list[int] = 1) -> Any:
    """Fabric for this process alone, on the device.

    Left to itself it asks a queueing system that it finds round it (Slurm) how many processes there are, and warns
    where one is merely installed; here processes are this program's own (`outcome.models.network.processes`).
    """
    return _FABRIC.Fabric(accelerator=device, devices=devices, plugins=[_ENVIRONMENTS.LightningEnvironment()])
