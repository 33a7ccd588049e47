"""How long do mask reading and shape features take a case, and how much memory? Prints one JSON document.

    python benchmarks/mask_reading.py FOLDER [--cases N] [--peers]

FOLDER holds `case_*/segmentation.nii.gz` (KiTS23's layout). Times are CPU seconds of this process, after one warm-up
case (compilation is cached on disk between runs). `--peers` also reads the first cases with nibabel and with gzip.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from segmentation.assessment.quality import check_mask
from segmentation.images.reading import read_mask
from segmentation.images.writing import mask_bytes
from segmentation.radiomics import measure_all

REGIONS = {"kidney": 1, "tumor": 2, "cyst": 3}
PEER_CASES = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=0, help="evenly spread over the folder; 0: all")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    paths = sorted(options.folder.glob("case_*/segmentation.nii.gz"))
    chosen = paths if not options.cases else paths[:: max(1, len(paths) // options.cases)][: options.cases]
    _steps(chosen[0])
    rows = {path.parent.name: _steps(path) for path in chosen}
    report = _report(rows)
    if options.peers:
        report["peers_cpu_s"] = _peers(chosen[:PEER_CASES])
    print(json.dumps(report, indent=1))


def _steps(path: Path) -> dict[str, float]:
    seconds, mask = _timed(lambda: read_mask(path, REGIONS))
    row = {"read": seconds, "slices": float((mask.source or mask.grid).shape[0])}
    row["shape"], _ = _timed(lambda: measure_all(mask, None, ("shape",)))
    row["quality"], _ = _timed(lambda: check_mask(mask))
    row["write"], _ = _timed(lambda: mask_bytes(mask))
    return row


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _report(rows: dict[str, dict[str, float]]) -> dict[str, Any]:
    largest = max(rows, key=lambda name: rows[name]["slices"])
    total = np.array([row["read"] + row["shape"] for row in rows.values()])
    return {
        "cases": len(rows),
        "mean_cpu_s": {step: round(float(np.mean([r[step] for r in rows.values()])), 4) for step in rows[largest]},
        "read_and_shape_mean_cpu_s": round(float(total.mean()), 4),
        "read_and_shape_max_cpu_s": round(float(total.max()), 4),
        "most_slices": {"case": largest, **{step: round(value, 4) for step, value in rows[largest].items()}},
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _peers(paths: list[Path]) -> dict[str, float]:
    """Mean CPU seconds to read the whole array, by ours and by others."""
    peers: dict[str, Callable[[Path], Any]] = {
        "ours": lambda path: read_mask(path, REGIONS),
        "nibabel": lambda path: np.asanyarray(nib.nifti1.load(path).dataobj),
        "gzip": lambda path: gzip.decompress(path.read_bytes()),
    }
    return {
        name: round(float(np.mean([_timed(partial(read, p))[0] for p in paths])), 4) for name, read in peers.items()
    }


if __name__ == "__main__":
    main()
