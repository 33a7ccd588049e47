"""Where networks compute: the processor or GPUs, one a process. Only asked once a network is really needed."""

from __future__ import annotations

from outcome.cases import refusing
from outcome.errors import DataRefusal, UsageError

DEVICES = ("auto", "cpu", "cuda")


def checked_device(asked: str) -> str:
    """The device as asked for, refused at once where it cannot be had.

    Raises UsageError for an unknown word, DataRefusal where a GPU is asked for and absent.
    """
    if asked not in DEVICES:
        raise UsageError(f"--device {asked} is unknown", expected=", ".join(DEVICES), next_step="leave --device out")
    if asked == "cuda":
        device_for(asked)
    return asked


def device_for(asked: str) -> str:
    """ "cpu" or "cuda": what `auto` means on this machine. Raises DataRefusal where "cuda" cannot be had."""
    if asked == "cpu":
        return asked
    from segmentation.device import choose_device  # torch costs seconds, and most studies have no network

    return str(refusing(choose_device)(asked))


def checked_processes(asked: int, scheduler: str | None, device: str) -> int:
    """How many processes train a network together, refused at once where they cannot.

    Raises UsageError for fewer than one, or several beside a Dask cluster, DataRefusal for more than there are GPUs.
    """
    if asked < 1:
        raise UsageError("--processes must be at least 1", found=str(asked))
    if asked > 1 and scheduler is not None:
        raise UsageError(
            "--processes share one machine, and --scheduler hands work to others",
            next_step="leave one of them out",
        )
    return processes_for(asked, device)


def processes_for(asked: int, device: str) -> int:
    """As asked for. Raises DataRefusal where the device is "cuda" and has fewer GPUs than processes."""
    if asked == 1 or device != "cuda":
        return asked
    import torch  # takes seconds

    if torch.cuda.device_count() < asked:
        raise DataRefusal(
            "each process that trains a network needs a GPU of its own",
            expected=f"{asked} GPUs",
            found=str(torch.cuda.device_count()),
            next_step="give --processes no more than there are GPUs, or --device cpu",
        )
    return asked
