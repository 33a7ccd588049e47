"""Lightning Fabric, imported after the cure: seconds that a server of processes pays once for all that it forks."""

from __future__ import annotations

from importlib import import_module

from outcome.models.network.encoders import cure

cure()
Fabric = import_module("lightning.fabric").Fabric
