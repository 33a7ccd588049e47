"""A process holds the network that draws masks once, however many cases and threads ask for it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcome.pipeline.masks import drawing


def test_threads_of_one_worker_share_a_network_until_another_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def load(weights: bytes, recipe: Any, device: str) -> object:
        read.append(recipe.segmenter)
        time.sleep(0.05)
        return object()

    monkeypatch.setattr(drawing, "load_segmenter", load)
    drawing._from_file.cache_clear()
    file = tmp_path / "network.safetensors"
    file.write_bytes(b"")
    task: Any = SimpleNamespace(
        recipe=SimpleNamespace(regions={"tumor": 1}),
        network=SimpleNamespace(file=file, name="unet_3d:" + "a" * 12),
        device="cpu",
    )
    with ThreadPoolExecutor(4) as threads:
        held = list(threads.map(drawing.loaded_network, [task] * 8))
    assert read == ["unet_3d:" + "a" * 12]
    assert len({id(network) for network in held}) == 1
    task.network.name = "unet_3d:" + "b" * 12
    drawing.loaded_network(task)
    assert read == ["unet_3d:" + "a" * 12, "unet_3d:" + "b" * 12]
    drawing._from_file.cache_clear()
