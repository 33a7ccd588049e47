"""Whatever outlines regions, from its file: a network, a classical method, or one of them with refinements.

The file's header says which it is. Code, and torch, is imported for what the file holds alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.classical.saving import damaged, kinds
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


def load_model(data: bytes, device: str = "cpu") -> Model:
    """The model that a file holds, ready to outline on "cpu" or "cuda" (a classical method: always on the CPU).

    Raises ImageRefusal: `weights_damaged` where the bytes are no whole model, and what the kind's own loading raises.
    """
    for key, load in LOADERS.items():
        if key in kinds(data):
            return load(data, device)
    raise damaged("a header that names no kind of segmenter")


def images_learned_from(data: bytes) -> tuple[str, ...] | None:
    """The SHA-256 of every image file that a model learned from; None where its file does not say."""
    if "refined" in kinds(data):
        from segmentation.classical.refined import unpack_refined

        return images_learned_from(unpack_refined(data)[0])
    if "segmenter" not in kinds(data):
        return None
    from segmentation.outlining.weights import trained_on  # torch takes seconds to import

    facts = trained_on(data)
    return facts.images if facts and facts.images else None


def _network(data: bytes, device: str) -> Model:
    from segmentation.outlining.inference import Segmenter  # torch takes seconds to import

    return Segmenter.from_bytes(data, device=device)


def _classical(data: bytes, _: str) -> Model:
    from segmentation.classical.segmenter import ClassicalSegmenter

    return ClassicalSegmenter.from_bytes(data)


def _refined(data: bytes, device: str) -> Model:
    from segmentation.classical.refined import Refined, unpack_refined

    inner, steps = unpack_refined(data)
    return Refined(load_model(inner, device), steps)


LOADERS: dict[str, Callable[[bytes, str], Model]] = {
    "segmenter": _network,
    "classical": _classical,
    "refined": _refined,
}
