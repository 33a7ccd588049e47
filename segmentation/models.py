"""Whatever outlines regions, from its file: a network, a classical method, or one of them with refinements.

The file's header says which it is. Code, and torch, is imported for what the file holds alone.
"""

from __future__ import annotations

from collections.abc import Callable

from segmentation.classical.saving import damaged, kinds
from segmentation.outlining.model import Model


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
