"""What makes data the same data: cases and outcomes, in any order; nothing else."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.pipeline.evidence.history import cases_digest

IDS = st.lists(st.text("abc123", min_size=1, max_size=4), min_size=2, max_size=12, unique=True)


def endpoints(ids: list[str], values: list[float | None]) -> pd.DataFrame:
    rows = [
        {"case_id": case, "endpoint": name, "value": values[i % len(values)], "time_days": float(i), "event": None}
        for i, case in enumerate(ids)
        for name in ("a", "b")
    ]
    return pd.DataFrame(rows).astype({"value": float, "event": float})


@settings(deadline=None)
@given(IDS, st.lists(st.sampled_from([0.0, 1.0, None]), min_size=1, max_size=5), st.randoms())
def test_order_changes_nothing(ids: list[str], values: list[float | None], random: st.DrawFn) -> None:
    frame = endpoints(ids, values)
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert cases_digest(frame.sample(frac=1, random_state=1), shuffled) == cases_digest(frame, ids)


@settings(deadline=None)
@given(IDS, st.integers(0, 100))
def test_one_other_outcome_or_one_case_less_is_other_data(ids: list[str], which: int) -> None:
    frame = endpoints(ids, [0.0, 1.0, None])
    before = cases_digest(frame, ids)
    changed = frame.copy()
    changed.loc[which % len(frame), "value"] = 7.0
    assert cases_digest(changed, ids) != before
    assert cases_digest(frame, ids[1:]) != before


@settings(deadline=None)
@given(IDS)
def test_other_cases_of_the_cohort_do_not_matter(ids: list[str]) -> None:
    frame = endpoints(ids, [0.0, 1.0])
    kept = ids[1:]
    assert cases_digest(frame, kept) == cases_digest(frame[frame["case_id"] != ids[0]], kept)
