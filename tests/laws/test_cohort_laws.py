"""What must hold for every table and every dictionary."""

from __future__ import annotations

import io
import string

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.cohort.coding import code_column
from outcome.cohort.criteria import all_of, any_of, truth
from outcome.config import Condition
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.dictionary.variable import Range
from outcome.sources.raw import raw_text

ANSWERS = st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=1, max_size=6)
CELLS = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=False).map(str), st.integers().map(str), st.text(max_size=8)), max_size=20
)
AGE = Variable("age", VariableKind.NUMERIC, hard_range=Range(0, 120), plausible_range=Range(18, 95))
GRADE = Variable("grade", VariableKind.CATEGORICAL, choices=tuple(Choice(c, f"grade {c}") for c in ("0", "1", "3a")))
DICTIONARY = DataDictionary((AGE, GRADE))
WORDS = st.text(string.ascii_letters + string.digits + " .,;%/'²äé()-", max_size=20).map(str.strip)


@given(st.lists(ANSWERS.map(np.array), min_size=2, max_size=2).filter(lambda pair: len(pair[0]) == len(pair[1])))
def test_not_all_is_any_not_and_order_does_not_matter(pair: list[np.ndarray]) -> None:
    np.testing.assert_array_equal(1 - all_of(pair), any_of([1 - answer for answer in pair]))
    np.testing.assert_array_equal(all_of(pair), all_of(pair[::-1]))


@given(CELLS)
def test_a_coded_number_is_possible_or_missing_and_every_loss_is_reported(cells: list[str | None]) -> None:
    coded = code_column(AGE, pd.Series(cells, dtype=object))
    values = coded.values.to_numpy()
    known = values[~np.isnan(values)]
    assert ((known >= 0) & (known <= 120)).all()
    lost = np.isnan(values) & np.array(
        [c not in (None, "NA", "N/A", "NaN", "nan", "null", "None", "NULL", "#N/A") for c in cells], dtype=bool
    )
    reported = coded.problems["not_a_number"] | coded.problems["out_of_range"] | coded.problems["event_before_surgery"]
    np.testing.assert_array_equal(lost, reported)


@given(CELLS)
def test_a_coded_category_is_a_choice_or_missing(cells: list[str | None]) -> None:
    coded = code_column(GRADE, pd.Series(cells, dtype=object))
    assert set(coded.values.dropna()) <= set(GRADE.codes)


@given(
    st.lists(st.one_of(st.none(), st.sampled_from(["0", "1", "3a"])), min_size=1, max_size=10),
    st.sampled_from(["0", "1", "3a"]),
)
def test_at_least_and_below_are_opposites_where_both_are_known(grades: list[str | None], limit: str) -> None:
    frame = pd.DataFrame({"grade": pd.Series(grades, dtype=object)})
    upper = truth(Condition(variable="grade", at_least=limit), frame, DICTIONARY)
    lower = truth(Condition(variable="grade", below=limit), frame, DICTIONARY)
    np.testing.assert_array_equal(upper, 1 - lower)
    np.testing.assert_array_equal(np.isnan(upper), [grade is None for grade in grades])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_as_raw_text_to_the_last_bit(value: float) -> None:
    text = raw_text(value)
    assert text is not None
    assert float(text) == value


@st.composite
def variables(draw: st.DrawFn, number: int = 0) -> Variable:
    kind = draw(st.sampled_from(list(VariableKind)))
    early = draw(st.sampled_from(list(Availability)))
    allowed = [role for role in Role if role not in (Role.PREDICTOR, Role.IDENTIFIER)]
    low = draw(st.one_of(st.none(), st.integers(-1000, 1000)))
    return Variable(
        name=f"v_{number}",
        kind=kind,
        label=draw(WORDS),
        unit=draw(WORDS.filter(lambda text: "'" not in text)),
        choices=GRADE.choices if kind is VariableKind.CATEGORICAL else (),
        hard_range=Range(low, None) if kind is VariableKind.NUMERIC else Range(),
        plausible_range=Range(low, draw(st.one_of(st.none(), st.just(1000.5)))),
        availability=early,
        roles=frozenset(draw(st.lists(st.sampled_from(allowed), max_size=3))),
        modifiable=draw(st.booleans()),
        ordered=kind is VariableKind.CATEGORICAL and draw(st.booleans()),
        missing_codes=draw(st.sampled_from([(), ("-99",), ("-99", "NA")])),
        note=draw(WORDS),
    )


@settings(max_examples=60)
@given(
    st.lists(st.integers(), min_size=1, max_size=4).flatmap(
        lambda xs: st.tuples(*(variables(i) for i in range(len(xs))))
    )
)
def test_a_written_dictionary_reads_back_with_the_same_meaning(made: tuple[Variable, ...]) -> None:
    first = DataDictionary(made)
    again = DataDictionary.read(io.StringIO(first.to_csv(), newline=""))
    keys = ("name", "kind", "label", "unit", "choices", "hard_range", "plausible_range", "availability", "roles",
            "modifiable", "ordered", "missing_codes", "note")  # fmt: skip
    for ours, theirs in zip(first, again, strict=True):
        assert [getattr(ours, key) for key in keys] == [getattr(theirs, key) for key in keys]
    assert again.to_csv() == first.to_csv()
