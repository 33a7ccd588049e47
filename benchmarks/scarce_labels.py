"""What each recipe for scarce labels gains over learning from the few masks alone, with paired intervals.

    python -m benchmarks.scarce_labels hippocampus $OUTCOME_REAL_DATA/msd_hippocampus OUT.jsonl [--steps 300] [ARM ...]
    python -m benchmarks.scarce_labels glioma $OUTCOME_REAL_DATA/lgg_mri OUT.jsonl [ARM ...]

hippocampus: every tenth of the first 160 files has its mask, the other 144 are images alone, the last 40 files judge.
glioma: patients of DU have masks; of CS and FG every second is an image alone, and the others judge (half resolution).
Each training is a line of OUT.jsonl; those that stand there are not trained again. The table compares each arm with
`none` case by case: Dice averaged over seeds, patients drawn with replacement.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from segmentation.datasets.layouts import read_dataset
from segmentation.images.case_files import CaseFiles
from segmentation.learning.cross_validation import case_dice
from segmentation.learning.training import TrainingSetup, train
from segmentation.learning.training_case import TrainingCase
from segmentation.metrics.catalogue import Measured
from segmentation.metrics.estimates import PatientDraws
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.recipes import RECIPES, TEACHER_KEEPS, ScarceLabels

ARMS = ("none", "averaged", *RECIPES, "all_labels")
_HIPPOCAMPUS = SegmenterPlan(
    "unet_3d", {"anterior": 1, "posterior": 2}, "z_score", None, (32, 32, 32), (12, 24, 48), 0, 300, 2, 2e-3, 0,
    patience=0,
)  # fmt: skip
_GLIOMA = SegmenterPlan(
    "unet_2d", {"tumour": 1}, "z_score", (2.0, 2.0, 1.0), (96, 96, 1), (12, 24, 48, 96), 1, 300, 8, 2e-3, 0,
    inputs=("flair",), patience=0,
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Cases with masks to learn from, cases of which the images alone are learned from, and cases that judge."""

    plan: SegmenterPlan
    labelled: list[TrainingCase]
    unlabelled: list[TrainingCase]
    judges: list[TrainingCase]


def hippocampus(folder: Path) -> Study:
    cases = list(read_dataset(folder).cases)
    first = cases[:160]
    rest = [case for number, case in enumerate(first) if number % 10]
    return Study(_HIPPOCAMPUS, first[::10], rest, cases[160:])


def glioma(folder: Path) -> Study:
    cases = [replace(case, images=case.images[:1]) for case in read_dataset(folder).cases]
    here = [case for case in cases if "-DU-" in case.case_id]
    there = [case for case in cases if "-CS-" in case.case_id or "-FG-" in case.case_id]
    return Study(_GLIOMA, here, there[::2], there[1::2])


STUDIES = {"hippocampus": hippocampus, "glioma": glioma}


def trained(study: Study, arm: str, seed: int) -> dict[str, object]:
    """One training and the Dice of every judging case."""
    start = time.process_time()
    plan = replace(study.plan, seed=seed, ema=TEACHER_KEEPS if arm == "averaged" else 0.0)
    images = tuple(CaseFiles(case.case_id, case.images) for case in study.unlabelled)
    scarce = ScarceLabels(arm, images) if arm in RECIPES else None
    labelled = [*study.labelled, *(study.unlabelled if arm == "all_labels" else [])]
    done = train(labelled, plan, TrainingSetup(scarce=scarce))
    dice = {case.case_id: float(np.mean(list(case_dice(done.segmenter, case).values()))) for case in study.judges}
    seconds = time.process_time() - start
    return {"arm": arm, "seed": seed, "steps": plan.steps, "cpu_s": round(seconds), "dice": dice}


def table(rows: Sequence[dict[str, object]]) -> str:
    """Markdown: each arm's mean Dice, and its difference to `none` with the same seeds and cases."""
    of_arm = {arm: {row["seed"]: row for row in rows if row["arm"] == arm} for arm in ARMS}
    plain = of_arm["none"]
    lines = ["| arm | seeds | mean Dice | difference | CPU s each |", "|---|---|---|---|---|"]
    for arm, done in of_arm.items():
        seeds = sorted(set(done) & set(plain))
        if not seeds:
            continue
        names = sorted(plain[seeds[0]]["dice"])
        mine, theirs = (np.mean([[one[s]["dice"][n] for n in names] for s in seeds], axis=0) for one in (done, plain))
        gain = PatientDraws(names).mean([Measured(float(value)) for value in mine - theirs])
        words = "–" if arm == "none" else f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
        seconds = np.mean([done[seed]["cpu_s"] for seed in seeds])
        lines.append(f"| {arm} | {len(seeds)} | {mine.mean():.3f} | {words} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("study", choices=STUDIES)
    asked.add_argument("folder", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("arms", nargs="*", default=ARMS)
    asked.add_argument("--steps", type=int, default=300)
    asked.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    given = asked.parse_args()
    torch.set_num_threads(1)
    study = STUDIES[given.study](given.folder)
    study = replace(study, plan=replace(study.plan, steps=given.steps))
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    for seed in given.seeds:
        for arm in given.arms:
            if not any((row["arm"], row["seed"], row["steps"]) == (arm, seed, given.steps) for row in rows):
                rows.append(trained(study, arm, seed))
                with given.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print(table([row for row in rows if row["steps"] == given.steps]))


if __name__ == "__main__":
    main()
