"""Where networks compute: the processor or one GPU. Only asked once a network is really needed."""

from __future__ import annotations

from outcome.cases import refusing
from outcome.errors import UsageError

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
