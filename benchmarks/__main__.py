"""`make bench`: run every measurement and write docs/results/speed.md, each table below the command that made it.

What needs real patients reads $OUTCOME_REAL_DATA and is left out, by name, where that is unset.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OUT = Path("docs/results/speed.md")
REAL = "$OUTCOME_REAL_DATA"
MEASUREMENTS = (
    ("Evaluation of 100,000 cases", "python -m benchmarks.evaluation"),
    ("Mask reading and shape features, KiTS23", f"python -m benchmarks.mask_reading {REAL}/kits23/dataset --peers"),
    ("Radiomics: IBSI consensus values", f"python -m benchmarks.consensus {REAL}/ibsi"),
    ("Radiomics: seconds and memory", "python -m benchmarks.radiomics"),
    ("Image gate: spoiled files", "python -m benchmarks.image_fuzz 10000"),
    ("A second worker on the case stages, KiTS23", "python -m benchmarks.workers configs/kits23.yaml"),
)


# their tables stand on pages of their own: `python -m benchmarks NAME` prints them
PAGES = ("bundle_attacks", "clinical_faults", "conformal", "harmonisation", "imputation")


def main() -> int:
    if sys.argv[1:]:
        return _one(sys.argv[1], sys.argv[2:])
    sections = ["# Speed\n\nWritten by `make bench`; absolute times are of one shared 2-core machine without a GPU."]
    failed = 0
    for title, command in MEASUREMENTS:
        print(f"{title}: {command}", flush=True)
        if (REAL in command or "configs/kits23" in command) and "OUTCOME_REAL_DATA" not in os.environ:
            sections.append(f"## {title}\n\nNot measured: OUTCOME_REAL_DATA is not set.")
            continue
        words = command.replace(REAL, os.environ.get("OUTCOME_REAL_DATA", "")).split()
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
        failed += done.returncode != 0
        body = done.stdout if done.returncode == 0 else done.stderr
        table = body if body.startswith("|") else f"```\n{body.strip()}\n```"
        sections.append(f"## {title}\n\n`{command}`\n\n{table.strip()}")
    OUT.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    print(f"wrote {OUT}")
    return 1 if failed else 0


def _one(name: str, words: list[str]) -> int:
    if name not in PAGES:
        sys.stderr.write(f"no measurement {name!r}; there are {', '.join(PAGES)}\n")
        return 2
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *words]).returncode


if __name__ == "__main__":
    sys.exit(main())
