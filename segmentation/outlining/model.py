"""What every outliner of regions can do, whatever it is: a network, a classical method, either with refinements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.types import Mask, Volume


class Model(Protocol):
    """What outlines regions on an image, in the image's own geometry."""

    @property
    def name(self) -> str:
        """`<what it is>:<12 hex digits of its bytes>`."""

    @property
    def regions(self) -> dict[str, int]:
        """Names and labels of what it draws."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the channels that it reads, in their order."""

    @property
    def volumes(self) -> dict[str, VolumeRange]:
        """For each region the volumes that its training cases lead to expect, ml; empty where they are not known."""

    def segment(self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None) -> Mask:
        """The regions on the whole grid of an image, which is a volume or one a channel."""

    def to_bytes(self) -> bytes:
        """All of it as a file; `load_model` is the inverse."""
