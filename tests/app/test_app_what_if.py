"""What if, and the patients most alike: what is offered and said, and that nothing is asked before it is moved."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from example_store import WITHOUT_MASK
from page_reading import OpenPage, texts

from app import explanation, similar, what_if
from app.what_if import NOT_A_PROMISE, own_words
from outcome.errors import DataRefusal
from outcome.serving import Changeable, RiskModel, Similar, WhatIf
from outcome.types import Estimate

BLOOD = Changeable("clinical:haemoglobin", "Haemoglobin", "g/dL", "numeric", 11.0, 9.0, 16.0)
SMOKING = Changeable("clinical:smoking", "Smoking", "", "categorical", "current",
                     choices=(("never", "never"), ("current", "current")))  # fmt: skip
UNKNOWN = Changeable("clinical:bmi", "Body mass index", "kg/m²", "numeric", None, 20.0, 30.0)


def told(risk: float, low: float, high: float) -> pd.DataFrame:
    return pd.DataFrame({"horizon_days": [30.0], "risk": [risk], "low": [low], "high": [high]})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """A model that answers every question; the changes it was asked about."""
    seen: list[dict[str, object]] = []

    def answer(_model: object, _store: Path, _study: str, _case: str, changes: dict[str, object], *_: str) -> WhatIf:
        seen.append(changes)
        if changes.get(SMOKING.name) == "never":
            raise DataRefusal("Smoking lies outside what the model learned from")
        own = told(0.2, 0.12, 0.31)
        return WhatIf((BLOOD, SMOKING, UNKNOWN), own, told(0.1, 0.05, 0.18) if changes else own)

    near = Similar(("E007", "E011"), ((30.0, Estimate(0.25, 0.1, 0.45, n=2, n_events=1)),))
    monkeypatch.setattr(RiskModel, "load", lambda _: None)
    monkeypatch.setattr(explanation, "case_explanation", _silent)
    monkeypatch.setattr(what_if, "case_what_if", answer)
    monkeypatch.setattr(similar, "similar_cases", lambda *_: near)
    return seen


def _silent(*_: object) -> None:
    raise DataRefusal("not asked here")


def test_nothing_is_changed_until_something_is_moved(
    store: Path, open_page: OpenPage, asked: list[dict[str, object]]
) -> None:
    page = open_page(store, case="E003")
    assert not page.exception
    assert asked == [{}]
    shown = texts(page)
    for words in ("What if", "20 of 100 (12–31)", "move a value above", NOT_A_PROMISE.partition("'s ")[2]):
        assert words in shown, words
    labels = [each.label for each in (*page.slider, *page.selectbox)]
    assert "Haemoglobin (g/dL): now 11.0" in labels
    assert "Smoking: now current" in labels
    assert "Body mass index (kg/m²): not known" in labels


def test_a_moved_value_is_asked_about_and_answered_beside_the_patient_as_is(
    store: Path, open_page: OpenPage, asked: list[dict[str, object]]
) -> None:
    page = open_page(store, case="E003")
    next(each for each in page.slider if "Haemoglobin" in each.label).set_value(13.03).run()
    assert asked[-1] == {BLOOD.name: pytest.approx(13.03)}
    shown = texts(page)
    assert "20 of 100 (12–31)" in shown
    assert "10 of 100 (5–18)" in shown


def test_what_may_not_be_asked_is_a_sentence(store: Path, open_page: OpenPage, asked: list[dict[str, object]]) -> None:
    page = open_page(store, case="E003")
    next(each for each in page.selectbox if "Smoking" in each.label).set_value("never").run()
    assert not page.exception
    assert asked[-1] == {SMOKING.name: "never"}
    assert "Smoking lies outside what the model learned from" in texts(page)


def test_the_patients_most_alike_are_told_with_their_interval(
    store: Path, open_page: OpenPage, asked: list[dict[str, object]]
) -> None:
    shown = texts(open_page(store, case="E003"))
    assert "Patients most like this one" in shown
    assert "25 of 100 (10–45) among the 2 nearest, 1 with the event" in shown
    assert "E007, E011" in shown


def test_too_few_to_be_alike_is_said(
    store: Path, open_page: OpenPage, asked: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Similar((), ((30.0, Estimate(None, withheld="3 other cases have a known outcome; at least 20 are needed")),))
    monkeypatch.setattr(similar, "similar_cases", lambda *_: few)
    assert "at least 20 are needed" in texts(open_page(store, case="E003"))


def test_a_model_that_cannot_be_read_is_said_once(store: Path, open_page: OpenPage) -> None:
    page = open_page(store, case=WITHOUT_MASK)
    assert not page.exception
    assert "What if" not in texts(page)
    assert "Patients most like this one" not in texts(page)


def test_values_in_words() -> None:
    assert own_words(BLOOD) == "now 11.0"
    assert own_words(Changeable("clinical:diabetes", "Diabetes", "", "boolean", 1.0)) == "now yes"
    assert own_words(Changeable("clinical:diabetes", "Diabetes", "", "boolean", 0.0)) == "now no"
    assert own_words(UNKNOWN) == "not known"
