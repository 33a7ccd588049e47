"""Which device is taken, and how much memory may be."""

from __future__ import annotations

import threading

import pytest
import torch

from segmentation.device import available_bytes, check_memory, choose_device, choose_precision, reproducible
from segmentation.errors import ImageRefusal


def test_the_cpu_is_taken_when_asked_and_when_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("cpu") == choose_device("auto") == "cpu"
    with pytest.raises(ImageRefusal) as refused:
        choose_device("cuda")
    assert refused.value.code == "no_gpu"
    assert "--device cpu" in refused.value.next_step
    with pytest.raises(ImageRefusal):
        choose_device("tpu")


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == "cuda"
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize(("amx", "bf16", "expected"), [(0, 0, "32-true"), (1, 0, "bf16-mixed"), (0, 1, "bf16-mixed")])
def test_precision_follows_what_the_processor_can(
    amx: int, bf16: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(bf16), raising=False)
    assert choose_precision("cpu") == expected


def _fails_within() -> None:
    with reproducible():
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyError


def test_settings_hold_within_and_are_put_back_after_an_error() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError):
            _fails_within()
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_num_threads(before)


def test_a_second_thread_waits_for_the_first() -> None:
    inside = threading.Event()

    def second() -> None:
        with reproducible():
            inside.set()

    with reproducible():
        other = threading.Thread(target=second)
        other.start()
        assert not inside.wait(0.2)
    other.join(10)
    assert inside.is_set()


def test_memory() -> None:
    assert 10**6 < available_bytes() < 10**14
    check_memory(10, 10, what="This", remedy="none")
    with pytest.raises(ImageRefusal, match=r"about 3\.00 GB"):
        check_memory(3 * 10**9, 10, what="This", remedy="buy more")
