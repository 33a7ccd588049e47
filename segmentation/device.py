"""Where networks run, in which precision, and how to make two runs equal to the last bit."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from segmentation.errors import ImageRefusal

DEVICES = ("auto", "cpu", "cuda")
Precision = Literal["32-true", "bf16-mixed"]

# Thread counts and determinism are settings of the whole process.
_settings = threading.RLock()
_CONTROL_GROUP = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def choose_device(asked: str = "auto") -> str:
    """The device to run on, "cpu" or "cuda"; "auto" takes a GPU where one is at hand.

    Raises ImageRefusal (`no_gpu`) where "cuda" is asked for and absent.
    """
    if asked not in DEVICES:
        raise ImageRefusal("bad_device", "Unknown device.", expected=f"one of {', '.join(DEVICES)}", found=asked)
    if asked == "cpu":
        return "cpu"
    import torch  # takes a second to import

    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise ImageRefusal(
            "no_gpu",
            "A GPU was asked for and there is none.",
            expected="a CUDA device that this torch can use",
            found=f"none, with torch {torch.__version__}",
            next_step="use --device cpu, or install a driver and a torch built for CUDA",
        )
    return "cpu"


def choose_precision(device: str, asked: str = "auto") -> Precision:
    """What is `asked` ("full" or "bf16"); "auto": half precision (bf16) where the hardware multiplies in it, else full.

    Decided by capability, not by a stopwatch, so that a run can be repeated on one machine. On CPUs without bf16
    instructions half precision is emulated and several times slower.
    """
    if asked != "auto":
        return "bf16-mixed" if asked == "bf16" else "32-true"
    import torch  # takes a second to import

    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    able = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return "bf16-mixed" if any(getattr(torch.cpu, name, bool)() for name in able) else "32-true"


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def reproducible() -> Iterator[None]:
    """Within it every operator has one order of additions: deterministic kernels, one thread an operator.

    Work is spread over cores by whole patches instead (`cores`), whose results are added in a fixed order: so the
    number of cores changes the time but not a bit. The settings belong to the process; they are put back at the end,
    and a second thread waits for the first.
    """
    import torch  # takes a second to import

    with _settings:
        threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        tuned, warn = torch.backends.cudnn.benchmark, torch.is_deterministic_algorithms_warn_only_enabled()
        try:
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict, warn_only=warn)
            torch.backends.cudnn.benchmark = tuned


def available_bytes() -> int:
    """Memory that can still be taken, within the limits of machine and container; bytes."""
    free = [_free_of_machine(), *(_free_of_group(*paths) for paths in _CONTROL_GROUP)]
    return min(n for n in free if n is not None)


def peak_bytes() -> int:
    """The most memory that this process has held so far, libraries included; bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # counts this program alone; the other way also counts what its parent held
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) * 1024
    import resource  # not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def check_memory(needed: int, limit: int | None, *, what: str, remedy: str) -> None:
    """Raises ImageRefusal (`too_large`) where `needed` bytes exceed `limit` (default: what is available)."""
    limit = available_bytes() if limit is None else limit
    if needed > limit:
        raise ImageRefusal(
            "too_large",
            f"{what} would not fit into memory.",
            expected=f"at most {limit / 1e9:.2f} GB",
            found=f"about {needed / 1e9:.2f} GB needed",
            next_step=remedy,
        )


def _free_of_machine() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _free_of_group(limit: str, used: str) -> int | None:
    try:
        return int(Path(limit).read_text(encoding="utf-8")) - int(Path(used).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
