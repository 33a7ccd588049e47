"""Are the artefacts of several runs of one study the same, byte by byte, with one worker and with two?

    python -m benchmarks.same_bytes [STUDY.yaml] [--workers 1 1 1 2] [--set a.b=c ...]

Without a study, 60 synthetic patients are one. Each number of workers is a run into an empty store, in a process of
its own; all are compared with the first. Run logs, journal and lock hold facts of the machine and are not compared.
Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.kill_resume import artefacts, start
from outcome.pipeline.synth import write_synthetic_study


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 1, 1, 2])
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    first: dict[str, str] = {}
    differ: set[str] = set()
    print("| run | workers | exit code | artefacts | differing from the first run |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as place:
        study = asked.study or str(write_synthetic_study(Path(place), 60, 7, "A"))
        for number, workers in enumerate(asked.workers, start=1):
            store = Path(place) / str(number)
            run = start(argparse.Namespace(study=study, set=asked.set, workers=workers), store)
            said = run.communicate()[1].decode()
            found = artefacts(store)
            first = first or found
            other = {name for name in first.keys() | found.keys() if first.get(name) != found.get(name)}
            print(f"| {number} | {workers} | {run.returncode} | {len(found)} | {len(other)} |", flush=True)
            if run.returncode not in (0, 4):
                raise SystemExit(said)
            differ |= other
    for name in sorted(differ)[:20]:
        print("  ", name)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
