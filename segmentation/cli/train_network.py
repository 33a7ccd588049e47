"""What `segmentation train` does with a network: one on all cases, one a fold, or one on a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from segmentation.cli.answers import say
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.recipes import ScarceLabels

if TYPE_CHECKING:
    from segmentation.learning.training import Trained, TrainingSetup


@dataclass(frozen=True)
class NetworkTraining:
    """A plan, where the model is written to, where it is trained, how long (None: the plan's steps), and what there is
    beside masks."""

    plan: SegmenterPlan
    out: Path
    device: str
    minutes: float | None = None
    scarce: ScarceLabels | None = None

    def train(self, cases: Sequence[TrainingCase]) -> dict[str, object]:
        """One model of all cases, which judge themselves by a tenth of the patients."""
        done, _ = self._trained(cases, None)
        return {
            "segmenter": done.segmenter.name, "cases": len(cases), "device": self.device, "steps_taken": done.steps,
            **({"recipe": self.scarce.recipe, "notes": list(done.notes)} if self.scarce else {}),
            "plan": done.segmenter.plan.to_json(),
        }  # fmt: skip

    def train_split(self, cases: Sequence[TrainingCase]) -> dict[str, object]:
        """One model of 70 % of the patients, stopped by 15 % and judged once by 15 %."""
        from segmentation.learning.cross_validation import case_dice  # torch takes seconds to import
        from segmentation.learning.splits import three_way

        split = three_way(cases, self.plan.seed)
        done, plan = self._trained(split.learn, split.stop)
        table = {case.case_id: case_dice(done.segmenter, case) for case in split.judge}
        counts = {"learn": len(split.learn), "stop": len(split.stop), "judge": len(split.judge)}
        return {
            "segmenter": done.segmenter.name, "split": counts, "device": self.device, "steps_taken": done.steps,
            "dice": table, "mean_dice": mean_dice(table), "plan": plan.to_json(),
        }  # fmt: skip

    def train_folds(self, cases: Sequence[TrainingCase], folds: int) -> dict[str, object]:
        """One model a fold in the folder `out`, and Dice of every case by the model that never saw its patient."""
        from segmentation.learning.cross_validation import cross_validate  # torch takes seconds to import

        if self.out.is_file():
            step = "name a folder"
            raise ImageRefusal(
                "not_a_folder", "The models' folder is a file.", expected="a folder", found="a file", next_step=step
            )
        plan = self._timed(cases, self.out / "fold_1.safetensors.training")
        done = cross_validate(cases, plan, folds, self.out, device=self.device, told=say)
        return {
            "segmenters": list(done.models), "cases": len(cases), "device": self.device, "fold_of": done.fold_of,
            "dice": done.dice, "mean_dice": mean_dice(done.dice), "plan": plan.to_json(),
        }  # fmt: skip

    def _trained(
        self, cases: Sequence[TrainingCase], held: Sequence[TrainingCase] | None
    ) -> tuple[Trained, SegmenterPlan]:
        from segmentation.learning.beginning import first_stage_file  # torch takes seconds to import
        from segmentation.learning.checkpoint import write_atomically
        from segmentation.learning.training import train

        checkpoint = self.out.with_name(f"{self.out.name}.training")
        plan = self._timed(cases, checkpoint)
        say(f"training {plan.network} on {len(cases)} cases: {plan.steps} steps of {plan.batch} patches {plan.patch}")
        done = train(cases, plan, self._setup(checkpoint, plan.steps, held))
        write_atomically(self.out, done.segmenter.to_bytes())
        for path in (checkpoint, first_stage_file(checkpoint)):
            path.unlink(missing_ok=True)
        return done, plan

    def _setup(self, checkpoint: Path, steps: int, held: Sequence[TrainingCase] | None) -> TrainingSetup:
        from segmentation.learning.training import TrainingSetup  # torch takes seconds to import

        kept_apart = None if held is None else tuple(held)
        return TrainingSetup(self.device, checkpoint, _every_tenth(steps), self._tell, kept_apart, self.scarce)

    def _tell(self, step: int, score: float) -> None:
        what = "Dice" if self.plan.stopping == "dice" else "minus the loss"
        say(f"step {step}: {what} of the held-out cases {score:.4f}")

    def _timed(self, cases: Sequence[TrainingCase], checkpoint: Path) -> SegmenterPlan:
        """The plan with as many steps as fit; a training that goes on keeps those that its first start was timed to."""
        from segmentation.learning.checkpoint import steps_of  # torch takes seconds to import
        from segmentation.learning.training import steps_within

        if self.minutes is None:
            return self.plan
        steps = steps_of(checkpoint) or steps_within(cases, self.plan, self.minutes, device=self.device)
        return replace(self.plan, steps=steps)


def mean_dice(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The mean of each region over the cases, and `all`: the mean over the cases of a case's mean."""
    rows = list(table.values())
    regions = {name: fmean(row[name] for row in rows) for name in rows[0]}
    return {**regions, "all": fmean(fmean(row.values()) for row in rows)}


def _every_tenth(steps: int) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        if done % max(1, steps // 10) == 0 or done == of:
            say(f"step {done} of {of}")

    return tell
