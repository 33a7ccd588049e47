"""Cross-fitting of masks: for any patients, no case is drawn by a network that learned from its patient."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outcome.pipeline.masks.folds import FINAL, learners

PATIENTS = st.lists(st.integers(0, 12), min_size=4, max_size=40)


@given(owners=PATIENTS, folds=st.integers(2, 5), seed=st.integers(0, 5), at_most=st.none() | st.integers(4, 10))
def test_nobody_is_drawn_by_a_network_that_learned_from_the_same_patient(
    owners: list[int], folds: int, seed: int, at_most: int | None
) -> None:
    patients = {f"c{n}": f"p{owner}" for n, owner in enumerate(owners)}
    usable = [case for n, case in enumerate(patients) if n % 4]  # every fourth has no mask
    found = learners(patients, usable, folds, seed)
    lessons = found.lessons(at_most)
    for case_id, patient in patients.items():
        teachers = {patients[taught] for taught in lessons[found.drawn_by(case_id)]}
        if case_id in usable:
            assert found.drawn_by(case_id) != FINAL
            assert patient not in teachers
        else:
            assert case_id not in lessons[FINAL]
    assert all(at_most is None or len(taught) <= at_most for taught in lessons.values())
    assert at_most is not None or sorted(lessons[FINAL]) == sorted(usable)


@given(owners=PATIENTS, seed=st.integers(0, 5))
def test_masks_and_the_order_of_cases_move_no_patient(owners: list[int], seed: int) -> None:
    patients = {f"c{n}": f"p{owner}" for n, owner in enumerate(owners)}
    whole = learners(patients, patients, 3, seed).folds
    some = learners(dict(reversed(patients.items())), list(patients)[1:], 3, seed).folds
    assert some == {case_id: fold for case_id, fold in whole.items() if case_id != "c0"}
