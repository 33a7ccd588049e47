"""What each part of a plan brings: the same training with one part changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segmentation.benchmark.config import AblationConfig, BenchmarkConfig, ModelEntry, Switch
from segmentation.errors import ImageRefusal

BASE = "base"


def benchmark_of(config: AblationConfig) -> BenchmarkConfig:
    """The benchmark of the base and, for each switch, the base with that change; differences are to the base.

    Raises ImageRefusal (`unknown_switch`).
    """
    variants = [_variant(one, config.base) for one in config.switches]
    return BenchmarkConfig(
        title=config.title or f"Ablation of {config.base.shown}", data=config.data, budget=config.budget,
        seeds=config.seeds, analysis=config.analysis, reference=BASE,
        models=(config.base.model_copy(update={"name": BASE}), *variants),
    )  # fmt: skip


def _variant(said: str | Switch, base: ModelEntry) -> ModelEntry:
    switch = _known(said) if isinstance(said, str) else said
    return base.model_copy(
        update={
            "name": switch.name,
            "words": switch.words,
            "plan": {**base.plan, **switch.plan},
            "options": {**base.options, **switch.options},
        }
    )


def _known(name: str) -> Switch:
    if name not in SWITCHES:
        expected = f"one of {', '.join(SWITCHES)}, or a name with plan and options"
        step = "mend the name under switches"
        raise ImageRefusal("unknown_switch", "No such switch.", expected=expected, found=name, next_step=step)
    return Switch(name=name.replace("_", " "), **SWITCHES[name])


SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "without_skips": {"options": {"skips": False}},
    "without_augmentation": {"plan": {"augmentation": "none"}},
    "strong_augmentation": {"plan": {"augmentation": "strong"}},
    "raw_intensities": {"plan": {"intensity": "none"}},
    "min_max_intensities": {"plan": {"intensity": "min_max"}},
    "cross_entropy": {"plan": {"loss": "cross_entropy"}},
    "dice_loss": {"plan": {"loss": "dice"}},
    "focal_loss": {"plan": {"loss": "focal"}},
    "deep_supervision": {"plan": {"deep_supervision": True}},
    "averaged_weights": {"plan": {"ema": 0.99}},
    "largest_piece": {"plan": {"refine": [{"name": "components", "most_pieces": 1}]}},
    "random_field": {"plan": {"refine": [{"name": "crf"}]}},
    "attention_2d": {"plan": {"network": "attention_unet_2d"}},
    "attention_3d": {"plan": {"network": "attention_unet_3d"}},
}
