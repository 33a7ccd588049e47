"""Labels of a fine grid from coarse scores: ours against resampling every class and taking the largest.

    python -m benchmarks.label_export [CLASSES ...]     (default 2 25 117)

One process, one thread for the reference's sparse products, all cores for ours; peaks are of numpy's memory beyond the
scores handed over. The reference is what nnU-Net and others do; "slabs" holds a part of it at a time.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from segmentation.outlining.label_export import write_labels
from segmentation.preparation.preprocess import _along, axis_weights, label_slabs

COARSE, FINE = (128, 128, 64), (256, 256, 128)
Labels = npt.NDArray[np.uint8]


def scores_with(classes: int) -> npt.NDArray[np.float32]:
    """Smooth scores with smooth borders, and rounding noise on top."""
    rng = np.random.default_rng(0)
    out = np.empty((classes, *COARSE), dtype=np.float32)
    for one in out:
        one[:] = 300 * gaussian_filter(rng.normal(size=COARSE).astype(np.float32), 5) + rng.normal(0, 0.1, COARSE)
    return out


def everything(scores: npt.NDArray[np.float32]) -> Labels:
    """All classes resampled along z, y, x, then the first largest."""
    for axis in (3, 2, 1):
        scores = _along(scores, axis_weights(scores.shape[axis], FINE[axis - 1]), axis)
    return scores.argmax(axis=0).astype(np.uint8)


def slabs(scores: npt.NDArray[np.float32]) -> Labels:
    out = np.zeros(FINE, dtype=np.uint8, order="F")
    for part, slab in label_slabs(scores, FINE, tuple(range(len(scores)))):
        out[:, :, part] = slab
    return out


def cells(scores: npt.NDArray[np.float32]) -> Labels:
    out = np.zeros(FINE, dtype=np.uint8, order="F")
    write_labels(scores, out, range(len(scores)))
    return out


def measured(
    work: Callable[[npt.NDArray[np.float32]], Labels], scores: npt.NDArray[np.float32]
) -> tuple[Labels, float, float]:
    """Labels, the best of two times (s), and the peak (MB)."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        found = work(scores)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    work(scores)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, min(seconds), peak / 1e6


def main() -> int:
    cells(scores_with(2))  # compiled once
    print(
        "| classes | all at once | slabs | ours | times faster than all | than slabs "
        "| peak all | peak ours | peak ratio | labels that differ |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for classes in [int(word) for word in sys.argv[1:]] or [2, 25, 117]:
        scores = scores_with(classes)
        ours, seconds, peak = measured(cells, scores)
        _, slab_seconds, _ = measured(slabs, scores)
        reference, all_seconds, all_peak = measured(everything, scores)
        print(
            f"| {classes} | {all_seconds:.2f} s | {slab_seconds:.2f} s | {seconds:.3f} s | {all_seconds / seconds:.1f} "
            f"| {slab_seconds / seconds:.1f} | {all_peak:,.0f} MB | {peak:,.0f} MB | 1/{all_peak / peak:.0f} "
            f"| {int((ours != reference).sum())} of {ours.size:,} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
