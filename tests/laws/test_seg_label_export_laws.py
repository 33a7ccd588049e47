"""Labels of a fine grid are those of interpolating every class and taking the first largest, to the last voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.outlining import label_export
from segmentation.outlining.label_export import CoarsePart, write_labels
from segmentation.preparation.preprocess import axis_weights
from segmentation.types import Window


def _reference(scores: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Every class as a whole, one output voxel at a time along z, then y, then x, in float32."""
    out = scores
    for axis in (3, 2, 1):
        weights = axis_weights(out.shape[axis], size[axis - 1])
        if weights is None:
            continue
        moved, rows = np.moveaxis(out, axis, 0), []
        for n in range(weights.shape[0]):
            row = np.zeros(moved.shape[1:], dtype=np.float32)
            for place in range(weights.indptr[n], weights.indptr[n + 1]):
                row += weights.data[place] * moved[weights.indices[place]]
            rows.append(row)
        out = np.moveaxis(np.stack(rows), 0, axis)
    return out.argmax(axis=0)


def _scores(kind: str, classes: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(classes, *shape))
    made = {
        "noise": noise,
        "ties": np.round(noise),
        "almost ties": np.round(noise) + 1e-7 * rng.normal(size=noise.shape),
        "huge and small": noise * 10.0 ** rng.integers(-6, 6, size=noise.shape),
        "all equal": np.full(noise.shape, 0.1),
    }
    return made[kind].astype(np.float32)


KINDS = ("noise", "ties", "almost ties", "huge and small", "all equal")
SIZES = st.tuples(*[st.tuples(st.integers(1, 7), st.sampled_from([1.0, 1.3, 2.0, 2.6, 3.5, 5.0]))] * 3)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(KINDS), st.integers(2, 9), SIZES, st.integers(0, 10**6))
def test_labels_are_the_first_largest_of_all_classes(
    kind: str, classes: int, sizes: tuple[tuple[int, float], ...], seed: int
) -> None:
    shape, fine = tuple(n for n, _ in sizes), tuple(int(n * scale) for n, scale in sizes)
    scores = _scores(kind, classes, shape, seed)
    before, out = scores.copy(), np.zeros(fine, dtype=np.uint16, order="F")
    labels = [0, *(300 + 7 * n for n in range(1, classes))]
    write_labels(scores, out, labels)
    np.testing.assert_array_equal(out, np.array(labels)[_reference(scores, fine)])
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize("classes", [2, 25, 117])
@pytest.mark.parametrize("kind", ["noise", "almost ties"])
def test_many_classes(classes: int, kind: str) -> None:
    scores = _scores(kind, classes, (12, 10, 9), 1)
    out = np.zeros((25, 20, 31), dtype=np.uint8)
    write_labels(scores, out, range(classes))
    np.testing.assert_array_equal(out, _reference(scores, out.shape))


@pytest.mark.parametrize("fine", [(5, 30, 20), (30, 9, 9), (4, 5, 6)])
def test_an_axis_that_gets_coarser_is_averaged_as_before(fine: tuple[int, int, int]) -> None:
    scores = _scores("noise", 4, (10, 9, 8), 2)
    out = np.zeros(fine, dtype=np.uint8)
    write_labels(scores, out, range(4))
    np.testing.assert_array_equal(out, _reference(scores, fine))


def test_scores_and_labels_may_lie_in_any_order_in_memory() -> None:
    scores = _scores("noise", 3, (8, 7, 6), 3)
    turned = np.asfortranarray(scores)[:, ::-1]
    whole = np.zeros((6 * 2, 7 * 2, 8 * 2), dtype=np.uint8)
    view = whole.transpose(2, 1, 0)[::-1]
    write_labels(turned, view, range(3))
    np.testing.assert_array_equal(view, _reference(np.ascontiguousarray(turned), (16, 14, 12)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("small", [0, 2**18])  # by threads, and without
def test_labels_on_the_scores_own_grid(kind: str, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each region's lead, ties and the sign of zero as `argmax` judges them; beside a box what was there stays."""
    monkeypatch.setattr(label_export, "_SMALL", small)
    scores, labels = _scores(kind, 5, (33, 7, 4), seed=4), np.array([0, 9, 2, 300, 7])
    whole = np.zeros((33, 7, 4), dtype=np.uint16, order="F")
    write_labels(scores, whole[::-1], labels.tolist())
    np.testing.assert_array_equal(whole[::-1], labels[scores.argmax(axis=0)])
    part = np.full(whole.shape, 77, dtype=np.uint16)
    box: Window = (slice(3, 30), slice(0, 7), slice(1, 3))
    write_labels(scores[(slice(None), *box)], part, labels.tolist(), CoarsePart(box, (33, 7, 4)))
    expected = np.full(whole.shape, 77)
    expected[box] = whole[::-1][box]
    np.testing.assert_array_equal(part, expected)


def test_infinite_scores_are_judged_as_the_reference_does() -> None:
    scores = _scores("noise", 3, (4, 4, 4), 4)
    scores[1, 2, 2, 2] = np.inf
    out = np.zeros((4, 4, 4), dtype=np.uint8)
    write_labels(scores, out, range(3))
    np.testing.assert_array_equal(out, scores.argmax(axis=0))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_box_gets_the_labels_that_the_whole_has_there(data: st.DataObject) -> None:
    shape, fine = (9, 8, 7), data.draw(st.sampled_from([(9, 8, 7), (18, 20, 15), (27, 8, 30), (5, 16, 7)]))
    starts = [data.draw(st.integers(0, n - 2)) for n in shape]
    box: Window = tuple(slice(a, data.draw(st.integers(a + 1, n))) for a, n in zip(starts, shape, strict=True))  # type: ignore[assignment]
    scores = _scores("noise", 3, shape, data.draw(st.integers(0, 99)))
    out = np.full(fine, 9, dtype=np.uint8)
    window = write_labels(np.ascontiguousarray(scores[(slice(None), *box)]), out, range(3), CoarsePart(box, shape))
    whole = _reference(scores, fine)
    np.testing.assert_array_equal(out[window], whole[window])
    out[window] = 9
    assert (out == 9).all()
