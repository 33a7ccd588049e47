"""Ways to learn from few masks, by name. Their code, and torch, is imported when a training begins with one.

A recipe does one of two things, or both: it prepares what the training starts from (further cases, first weights), or
it adds a lesson to every step, mostly about images without masks. Masks of such images are never opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING

from segmentation.errors import ImageRefusal
from segmentation.images.case_files import CaseFiles
from segmentation.planning.plan import SegmenterPlan

if TYPE_CHECKING:
    from segmentation.augmentation.augment import Source
    from segmentation.scarce_labels.lesson import Beginning, Tensors

TEACHER_KEEPS = 0.99


@dataclass(frozen=True)
class Recipe:
    """One way. `place` is "module:builder" in this package, where the builder turns a `Task` into a `Beginning`.

    `unlabelled`: it needs images without masks. `teacher`: it needs averaged weights. `any_loss`: it also serves
    networks and heads with a loss of their own.
    """

    place: str
    words: str
    unlabelled: bool = True
    teacher: bool = False
    any_loss: bool = False

    def build(self, task: Task) -> Beginning:
        module, _, name = self.place.partition(":")
        builder: Callable[[Task], Beginning] = getattr(import_module(f"{__package__}.{module}"), name)
        return builder(task)


@dataclass(frozen=True)
class ScarceLabels:
    """What a training has beside its labelled cases: a recipe by name ("": none), images without masks, and the bytes
    of a segmenter whose weights it starts from where they fit (None: from random ones)."""

    recipe: str = ""
    unlabelled: tuple[CaseFiles, ...] = ()
    start: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.recipe and self.recipe not in RECIPES:
            raise ImageRefusal(
                "unknown_recipe", "There is no such recipe.", expected=f"one of {', '.join(RECIPES)}",
                found=self.recipe, next_step="name one of them",
            )  # fmt: skip
        if self.recipe and RECIPES[self.recipe].unlabelled and not self.unlabelled:
            raise ImageRefusal(
                "no_unlabelled", f"The recipe {self.recipe} learns from images without masks, and there are none.",
                expected="one image or more that is not among the labelled ones", found="none",
                next_step="name their folder: --unlabelled DIR",
            )  # fmt: skip

    def planned(self, plan: SegmenterPlan) -> SegmenterPlan:
        """The plan as the recipe needs it: weights are averaged where there is a teacher.

        Raises ImageRefusal (`recipe_unfit`) where the plan's network has a loss of its own that the recipe cannot join.
        """
        if not self.recipe:
            return plan
        if plan.own_loss and not RECIPES[self.recipe].any_loss:
            fit = ", ".join(name for name, recipe in RECIPES.items() if recipe.any_loss)
            raise ImageRefusal(
                "recipe_unfit", f"The recipe {self.recipe} reads scores of classes that the plan's loss decides.",
                expected="a plan without heads, and a network without a loss of its own", found=plan.network,
                next_step=f"take another network, or one of {fit}",
            )  # fmt: skip
        return replace(plan, ema=plan.ema or TEACHER_KEEPS) if RECIPES[self.recipe].teacher else plan


@dataclass(frozen=True, eq=False)
class Task:
    """What a recipe begins with: the plan, the labelled cases to learn from (never held-out ones), images without
    masks, first weights, where it runs, and `learn`, which trains a first stage and gives its weights."""

    plan: SegmenterPlan
    labelled: list[Source]
    unlabelled: list[Source]
    start: Tensors | None
    device: str
    learn: Callable[[SegmenterPlan, Beginning], Tensors]


_TEACHER = "the averaged network's masks of unlabelled images are learned (Tarvainen, Valpola 2017, arXiv:1703.01780)"
_PSEUDO = "own masks of unlabelled images are learned where they are sure (Sohn et al. 2020, arXiv:2001.07685)"
_VIRTUAL = "masks stay when images change in the worst direction (Miyato et al. 2019, doi:10.1109/TPAMI.2018.2858821)"
_MASKED = "first fill in hidden blocks of unlabelled images (He et al. 2022, doi:10.1109/CVPR52688.2022.01553)"
_REVERSAL = "deep maps do not tell where an image is from (Ganin et al. 2016, arXiv:1505.07818)"
_CORAL = "deep maps vary alike at both places (Sun, Saenko 2016, doi:10.1007/978-3-319-49409-8_35)"

RECIPES: dict[str, Recipe] = {
    "mean_teacher": Recipe("semi_supervised:mean_teacher", _TEACHER, teacher=True),
    "pseudo_labels": Recipe("semi_supervised:pseudo_labelled", _PSEUDO),
    "adversarial": Recipe("adversarial:adversarial", _VIRTUAL, unlabelled=False),
    "masked_reconstruction": Recipe("pretraining:masked_reconstruction", _MASKED),
    "phantoms": Recipe("pretraining:phantoms", "first outline organs of synthetic phantoms", unlabelled=False),
    "generated_images": Recipe(
        "generation:generated_images", "images made from bent masks by a small network (SPADE) are learned from too",
        unlabelled=False, any_loss=True,
    ),
    "gradient_reversal": Recipe("adaptation:gradient_reversal", _REVERSAL),
    "feature_statistics": Recipe("adaptation:feature_statistics", _CORAL),
    "intensity_matching": Recipe(
        "adaptation:intensity_matching", "copies of the labelled images with the unlabelled ones' histograms",
        any_loss=True,
    ),
}  # fmt: skip
