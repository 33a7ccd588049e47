"""What a plan may choose among, by name: losses (`losses`), optimizers and schedules (`optimizers`). No torch here."""

from __future__ import annotations

LOSSES = (
    "dice_and_cross_entropy", "cross_entropy", "dice", "jaccard", "focal", "tversky", "batch_dice_and_cross_entropy",
)  # fmt: skip
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "constant", "polynomial", "step")
PRECISIONS = ("auto", "full", "bf16")
STOPPING = ("dice", "loss")
CLASS_WEIGHTS = ("equal", "balanced")
