"""How many spoiled image files does the gate answer, and how fast? Prints a table.

    python -m benchmarks.image_fuzz [COUNT] [--seed S]

COUNT files of each format (default 10000; of compressed DICOM a fiftieth) are made from sound ones by random changes
and looked at in this process. Anything but an answer or a refusal is a fault: it is counted, and its number is told.
Exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.images.inspection import inspect_image
from tests.image_mutations import spoiled
from tests.image_originals import originals

CHILDREN = 50  # of compressed DICOM a fiftieth is tried: each look starts a process


def main() -> int:
    """Spoil, look, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    faults = 0
    print("| format | files | answered | refused | codes | faults | slowest, ms | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, files in originals(Path(folder)).items():
            count = options.count // CHILDREN if name.startswith("compressed") else options.count
            codes, slowest, seconds = tried(files, count, options.seed)
            wrong = sum(n for code, n in codes.items() if code.startswith("!"))
            faults += wrong
            refused = count - codes["ok"] - wrong
            kinds = len([code for code in codes if code != "ok"])
            print(f"| {name} | {count} | {codes['ok']} | {refused} | {kinds} | {wrong} | {slowest * 1000:.0f} "
                  f"| {seconds:.0f} |", flush=True)  # fmt: skip
            sys.stderr.writelines(f"{name}: {code} {n}\n" for code, n in codes.most_common())
    return int(faults > 0)


def tried(files: list[Path], count: int, seed: int) -> tuple[Counter[str], float, float]:
    """Codes of the answers (a fault's begins with !), the longest look and the whole, seconds of the wall."""
    codes: Counter[str] = Counter()
    contents, slowest, start = [path.read_bytes() for path in files], 0.0, time.perf_counter()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        original = files[number % len(files)]
        place = original.with_name(f"spoiled{''.join(original.suffixes)}")
        place.write_bytes(spoiled(contents[number % len(contents)], rng))
        begun = time.perf_counter()
        codes[_code(place, number)] += 1
        slowest = max(slowest, time.perf_counter() - begun)
    return codes, slowest, time.perf_counter() - start


def _code(path: Path, number: int) -> str:
    try:
        inspect_image(path)
    except ImageRefusal as error:
        return error.code
    except Exception as error:  # what is looked for
        return f"!{type(error).__name__} of file {number}"
    return "ok"


if __name__ == "__main__":
    sys.exit(main())
