"""Whether a model reads as many columns as its preprocessing makes: the two stand in files that could disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from outcome.models.boosting import BoostedScorer
from outcome.models.fitted import Scorer
from outcome.models.forest import ForestScorer
from outcome.models.linear import LinearScorer
from outcome.models.stacking import StackedScorer


def refuse_other_width(scorer: Scorer, blocks: Sequence[str]) -> None:
    """`blocks` names the block of each column that is made. Raises ValueError where the model reads others."""
    if isinstance(scorer, StackedScorer):
        for base, inner in zip(scorer.bases, scorer.scorers, strict=True):
            refuse_other_width(inner, [block for block in blocks if block in base.blocks])
        return
    least, most = next((told(scorer) for kind, told in WIDTHS.items() if isinstance(scorer, kind)), _designed(scorer))
    if not least <= len(blocks) <= most:
        raise ValueError(f"a model of {least} columns beside a preprocessing that makes {len(blocks)}")


def _designed(scorer: Any) -> tuple[int, int]:
    """A network's, which is not imported here: torch takes seconds."""
    return (scorer.design.columns,) * 2 if hasattr(scorer, "design") else (0, 2**31)


WIDTHS: dict[type, Callable[[Any], tuple[int, int]]] = {
    LinearScorer: lambda scorer: (len(scorer.coefficients),) * 2,
    ForestScorer: lambda scorer: (scorer.trees.columns, 2**31),  # a forest does not say how many it never read
    BoostedScorer: lambda scorer: (scorer.booster.num_feature(),) * 2,
}
