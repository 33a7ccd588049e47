"""What do a large table cost to train on, and another as large to validate on? Seconds and memory of every command.

    python -m benchmarks.large_study --cases 100000 --features 2000 [--train-cases N] [--set training.outer_folds=2]

Writes the synthetic tables of two hospitals, a thousand rows at a time; runs the stages of the one, command by command,
and `outcome validate` of its bundle on the other, each in a process of its own; and prints wall time, processor time
and the largest resident memory of the command's processes together.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

STAGES = ("cohort", "segment", "radiomics", "features", "train", "run")  # run: what is left, predict to report
PROGRAM = "from outcome.cli import main; import sys; sys.exit(main())"
ROWS = 1000  # made and written at a time
FACTORS = 20  # behind the numbers, so that columns go together as measurements do
MISSING = 0.03
STUDY = """schema_version: 1
name: {name}
title: Synthetic large table, hospital {name}
root: .
dictionary: dictionary.csv
table: {{format: {format}, path: table.{format}}}
case_id: case_id
site: hospital
endpoints:
  complication: {{kind: binary, event: {{variable: complication, equals: true}}, horizon_days: 90}}
{survival}partitions:
  all: {{relation: {relation}}}
subgroups:
  - {{variable: age, cut: [65, 75]}}
  - {{variable: sex}}
"""
SURVIVAL = """  death:
    kind: time_to_event
    time: follow_up_days
    event: {variable: died, equals: true}
    horizons_days: [365]
"""
HEADER = (
    "Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number,'
    "Text Validation Min,Text Validation Max,Identifier?,Branching Logic (Show field only if...),Required Field?,"
    "Custom Alignment,Question Number (surveys only),Matrix Group Name,Matrix Ranking?,Field Annotation"
)


@dataclass(frozen=True)
class Cost:
    """One command's wall and processor seconds, and the largest memory of its processes together, in GB."""

    wall_s: float
    cpu_s: float
    peak_gb: float


def dictionary(features: int) -> str:
    """The dictionary of both hospitals: age, sex, `features` - 2 numbers, and the outcomes."""
    before, after = "@AVAILABILITY='preoperative' @ROLE='{}'", "@AVAILABILITY='postoperative' @ROLE='endpoint'"
    rows = [
        ("case_id", "text", "", "", "y", before.format("identifier")),
        ("hospital", "text", "", "", "", before.format("site")),
        ("age", "text", "", "number", "", before.format("predictor,subgroup") + " @UNIT='years'"),
        ("sex", "radio", "f, female | m, male", "", "", before.format("predictor,subgroup")),
        *((f"x{j:04d}", "text", "", "number", "", before.format("predictor")) for j in range(features - 2)),
        ("complication", "yesno", "", "", "", after),
        ("died", "yesno", "", "", "", after),
        ("follow_up_days", "text", "", "number", "", after + " @UNIT='days'"),
    ]
    lines = [f'{n},cases,,{t},{n},"{c}",,{v},,,{i},,,,,,,"{a}"' for n, t, c, v, i, a in rows]
    return "\n".join([HEADER, *lines]) + "\n"


def rows(hospital: str, cases: int, features: int, seed: int) -> Iterator[pd.DataFrame]:
    """The table, some rows at a time: one in eight with a complication, a few values missing."""
    loadings = np.random.default_rng(0).normal(size=(FACTORS, features - 2)) / FACTORS**0.5
    rng = np.random.default_rng(seed)
    for first in range(0, cases, ROWS):
        n = min(ROWS, cases - first)
        hidden, age, male = rng.normal(size=(n, FACTORS)), rng.normal(62, 12, n).round(), rng.random(n) < 0.5
        x = (hidden @ loadings + rng.normal(size=(n, features - 2))).round(4)
        x[rng.random(x.shape) < MISSING] = np.nan
        risk = 1 / (1 + np.exp(2.4 - 0.8 * hidden[:, 0] - 0.5 * hidden[:, 1] - 0.02 * (age - 62)))
        death = rng.exponential(3000 / (0.2 + risk))
        followed = rng.uniform(200, 1500, n)
        named = {
            "case_id": [f"{hospital}{first + i:07d}" for i in range(n)],
            "hospital": hospital,
            "age": age,
            "sex": np.where(male, "m", "f"),
            "complication": (rng.random(n) < risk).astype(int),
            "died": (death <= followed).astype(int),
            "follow_up_days": np.ceil(np.minimum(death, followed)),
        }
        measured = pd.DataFrame(x, columns=[f"x{j:04d}" for j in range(features - 2)])
        yield pd.concat([pd.DataFrame(named), measured], axis=1)


def write_csv(path: Path, parts: Iterator[pd.DataFrame]) -> None:
    for number, part in enumerate(parts):
        part.to_csv(path, mode="a", header=number == 0, index=False)


def write_parquet(path: Path, parts: Iterator[pd.DataFrame]) -> None:
    first = pa.Table.from_pandas(next(parts), preserve_index=False)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for part in parts:
            writer.write_table(pa.Table.from_pandas(part, schema=first.schema, preserve_index=False))


WRITERS: dict[str, Callable[[Path, Iterator[pd.DataFrame]], None]] = {"csv": write_csv, "parquet": write_parquet}


def write_hospital(folder: Path, name: str, cases: int, asked: argparse.Namespace) -> Path:
    """A hospital's dictionary, table and study file; `a` is where models are trained."""
    folder.mkdir(parents=True)
    (folder / "dictionary.csv").write_text(dictionary(asked.features))
    WRITERS[asked.format](folder / f"table.{asked.format}", rows(name, cases, asked.features, ord(name)))
    study = folder / "study.yaml"
    relation = "development" if name == "a" else "external"
    survival = SURVIVAL if asked.survival else ""
    study.write_text(STUDY.format(name=name, format=asked.format, relation=relation, survival=survival))
    return study


def measured(words: list[str]) -> Cost:
    """Run one command of the program. Its threads are those of the environment; an exit code but 0 is raised."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, *words, "--quiet"], stdout=subprocess.DEVNULL)
    peak = [0]
    watch = threading.Thread(target=_watch, args=(psutil.Process(child.pid), peak))
    watch.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    if child.returncode:
        raise SystemExit(f"{' '.join(words[:1])} ended with exit code {child.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, max(peak[0], usage.ru_maxrss * 1024) / 2**30)


def _watch(root: psutil.Process, peak: list[int]) -> None:
    """Keep the largest sum of resident memory of a process and those below it; ends with the process."""
    while True:
        try:
            family = [root, *root.children(recursive=True)]
            peak[0] = max(peak[0], sum(each.memory_info().rss for each in family))
            if root.status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            if not root.is_running():
                return
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="of the hospital that validates")
    parser.add_argument("--train-cases", type=int, help="of the one that trains (default: as many)")
    parser.add_argument("--features", type=int, default=200)
    parser.add_argument("--format", choices=sorted(WRITERS), default="parquet")
    parser.add_argument("--survival", action="store_true", help="a time to an event beside the yes/no endpoint")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="a setting of the training study")
    parser.add_argument("--until", choices=STAGES, help="end after this command, without validating")
    parser.add_argument("--folder", type=Path, help="keep everything there (default: a temporary folder)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = asked.folder or Path(place)
        training = asked.train_cases or asked.cases
        here = write_hospital(folder / "a", "a", training, asked)
        store, settings = str(folder / "store"), [word for pair in asked.set for word in ("--set", pair)]
        print("| command | cases | features | wall s | CPU s | peak GB |\n|---|---|---|---|---|---|", flush=True)
        for stage in STAGES:
            _print(stage, training, asked.features, measured([stage, str(here), "--store", store, *settings]))
            if stage == asked.until:
                return 0
        bundle = str(folder / "store" / "a" / "bundle")
        there = write_hospital(folder / "b", "b", asked.cases, asked)
        cost = measured(["validate", bundle, str(there), "--out", str(folder / "validated")])
        _print("validate", asked.cases, asked.features, cost)
    return 0


def _print(name: str, cases: int, features: int, cost: Cost) -> None:
    numbers = f"{cost.wall_s:.1f} | {cost.cpu_s:.1f} | {cost.peak_gb:.2f}"
    print(f"| {name} | {cases:,} | {features:,} | {numbers} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
