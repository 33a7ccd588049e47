"""What each step of the full ladder reads: the clinical record, then one kind of columns more at every step."""

from __future__ import annotations

from collections.abc import Sequence

from outcome.features.columns import FeatureColumn

SHAPE = "shape"
OF_THE_MASK = ("morph_", "n_components", "place_", "renal_")
# called morphological by IBSI, but they read the image
WEIGHTED_BY_INTENSITY = ("morph_com", "morph_integ_int")
STEP_ORDER = ("clinical", "plan", SHAPE, "radiomics", "genomics")


def is_shape(column: FeatureColumn) -> bool:
    """Whether a measurement is made of the mask alone."""
    tag = column.name.rpartition(".")[2]
    return column.block == "radiomics" and tag.startswith(OF_THE_MASK) and tag not in WEIGHTED_BY_INTENSITY


def ladder_steps(table: Sequence[FeatureColumn]) -> dict[str, tuple[FeatureColumn, ...]]:
    """The columns that each step reads, in frame order, by the step's name: those of the step below and one kind more.

    Kinds come in `STEP_ORDER`, blocks that it does not name last; a kind without a column makes no step. Radiomics
    holds shape, so shape is not named beside it.
    """
    present = dict.fromkeys(_kind(column) for column in table)
    kinds = sorted(present, key=lambda kind: STEP_ORDER.index(kind) if kind in STEP_ORDER else len(STEP_ORDER))
    found = {}
    for count in range(1, len(kinds) + 1):
        read = kinds[:count]
        name = " + ".join(kind for kind in read if not (kind == SHAPE and "radiomics" in read))
        found[name] = tuple(column for column in table if _kind(column) in read)
    return found


def _kind(column: FeatureColumn) -> str:
    return SHAPE if is_shape(column) else column.block
