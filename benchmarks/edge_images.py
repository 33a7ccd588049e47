"""What does the gate say of odd and malformed images, and at what cost? Prints a table.

    python -m benchmarks.edge_images FOLDER

FOLDER holds files.csv (file, expected: read, refuse or either) and series.csv (case, expected_code). Each is asked by
`segmentation inspect PATH --json` in a process of its own. *Misread*: read where it ought to be refused, or the other
way round. Exit code 1 for a misread file, a refusal without code, or a process that ends otherwise.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = "from segmentation.cli import main; import sys; sys.exit(main())"
READ, REFUSED = "ok", "refused"
WORDS = {"read": (READ,), "refuse": (REFUSED,)}  # whatever else is listed may be either
SOUND = ("ok", "series", "use_positions", "per_slice_rescale")  # how the codes of sound series begin
EITHER = ("OK_OR_REFUSE_MULTIFRAME", "AFTER_SURGERY")
ONE_SLICE = "single_slice_not_volume"  # sound, and no volume


@dataclass
class Tally:
    """What was said of one kind of image, and the largest costs."""

    tried: int = 0
    read: int = 0
    refused: int = 0
    misread: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    processor_s: float = 0.0
    most_gb: float = 0.0


def listed(folder: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """By kind and name, what may be said of it."""
    files, series = {}, {}
    with (folder / "files.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            allowed = (READ, REFUSED) if row["code"] == ONE_SLICE else WORDS.get(row["expected"], (READ, REFUSED))
            files[row["file"]] = allowed
    with (folder / "series.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            code = row["expected_code"]
            sound = (READ,) if code.lower().startswith(SOUND) else (REFUSED,)
            series[row["case"]] = (READ, REFUSED) if code in EITHER else sound
    return {"files": files, "series": series}


def ask(path: Path, tally: Tally) -> str:
    """`ok`, `refused`, or what else the process did."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "inspect", str(path), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    tally.slowest_s = max(tally.slowest_s, time.perf_counter() - start)
    tally.processor_s = max(tally.processor_s, usage.ru_utime + usage.ru_stime)
    tally.most_gb = max(tally.most_gb, usage.ru_maxrss / 2**20)
    try:
        answer = json.loads(said)
    except ValueError:
        return f"exit code {child.returncode} without an answer"
    coded = answer["status"] != REFUSED or answer.get("code")
    return str(answer["status"]) if coded else "refused without a code"


def main() -> int:
    folder = Path(sys.argv[1])
    print("| images | tried | read | refused | misread | slowest, s | of processor, s | most memory, GB |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = []
    for kind, expected in listed(folder).items():
        tally = Tally()
        for name, allowed in expected.items():
            said = ask(folder / name, tally)
            tally.tried += 1
            tally.read += said == READ
            tally.refused += said == REFUSED
            tally.misread += [] if said in allowed else [f"{name}: {said}"]
        print(
            f"| {kind} | {tally.tried} | {tally.read} | {tally.refused} | {len(tally.misread)} "
            f"| {tally.slowest_s:.2f} | {tally.processor_s:.2f} | {tally.most_gb:.2f} |"
        )
        wrong += tally.misread
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
