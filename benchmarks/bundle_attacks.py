"""Every attack of `tests/bundle_attacks` and seeded bit flips against one tiny bundle: tried, refused, slowest.

    python -m benchmarks.bundle_attacks [FLIPS]

Times are those of the reading alone, not of the spoiling.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outcome.bundle import MANIFEST, SIGNATURE, read_bundle, sign_bundle
from outcome.bundle.signature import make_keys
from outcome.errors import BundleRefusal
from outcome.serving.sound import admit
from tests.bundle_attacks import attacked
from tests.bundle_attacks.contents import CONTENT_ATTACKS
from tests.bundle_attacks.folders import FOLDER_ATTACKS
from tests.bundle_attacks.parts import PART_ATTACKS
from tests.bundle_attacks.sealing import manifest_of, put
from tests.tiny_bundle import tiny_files

KINDS = {
    "folder and manifest": FOLDER_ATTACKS,
    "content of a file": CONTENT_ATTACKS,
    "parts that do not go together": PART_ATTACKS,
}


@dataclass
class Tally:
    """How many were tried and refused, and the longest that one took, in seconds of wall clock and of processor."""

    tried: int = 0
    refused: int = 0
    slowest: float = 0.0
    processor: float = 0.0

    def ask(self, read: Callable[[Path], object], folder: Path) -> None:
        start, used = time.perf_counter(), time.process_time()
        try:
            read(folder)
        except BundleRefusal:
            self.refused += 1
        self.tried += 1
        self.slowest = max(self.slowest, time.perf_counter() - start)
        self.processor = max(self.processor, time.process_time() - used)


def main() -> int:
    flips = int(sys.argv[1]) if sys.argv[1:] else 1000
    files = tiny_files()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        admit(put(place / "untouched", files, manifest_of(files)))
        rows = {kind: attack(names, files, place) for kind, names in KINDS.items()}
        rows["one flipped bit, signed bundle"] = flip(flips, files, place)
    print("| attacks | tried | refused | slowest, s | of processor, s |\n|---|---|---|---|---|")
    for kind, tally in rows.items():
        print(f"| {kind} | {tally.tried} | {tally.refused} | {tally.slowest:.2f} | {tally.processor:.2f} |")
    return 0 if all(tally.refused == tally.tried for tally in rows.values()) else 1


def attack(names: dict[str, object], files: dict[str, bytes], place: Path) -> Tally:
    tally = Tally()
    for name in names:
        tally.ask(admit, attacked(name, files, place / name))
    return tally


def flip(flips: int, files: dict[str, bytes], place: Path) -> Tally:
    """Any bit of any file of the bundle, manifest and signature among them, file after file."""
    folder = put(place / "flipped", files, manifest_of(files))
    make_keys(place / "maker")
    sign_bundle(folder, place / "maker")
    tally, rng, names = Tally(), np.random.default_rng(20), [*sorted(files), MANIFEST, SIGNATURE]
    for number in range(flips):
        path = folder / names[number % len(names)]
        whole = path.read_bytes()
        spoiled = bytearray(whole)
        spoiled[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoiled)
        tally.ask(read_bundle, folder)
        path.write_bytes(whole)
    return tally


if __name__ == "__main__":
    sys.exit(main())
