"""What moved an estimate on the patient page: bars in words, honest sentences, and heat only when it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from example_store import STUDY, WITHOUT_MASK
from page_reading import OpenPage, texts

from app import explanation, main, patient, similar, what_if
from app.explanation import NOT_A_CAUSE, SEEN, effect_words, inside_words, moved
from outcome.errors import BundleRefusal, DataRefusal, StoreRefusal
from outcome.explain.shapley import BlockContribution, Contribution, Contributions
from outcome.explain.unit import NOT_CHOSEN, Explanation
from outcome.serving import HeatMap, RiskModel
from outcome.types import EndpointKind

NAMES = ("Age", "Albumin", "Diabetes", "Smoking", "Stage", "Size", "Weight", "Height")
EFFECTS = (0.8, -0.6, 0.5, -0.4, 0.3, 0.2, 0.12, -0.02)
SECTION = "What moved this estimate"


def heat() -> HeatMap:
    """Over the example's masks: 1.5 x 1.5 x 2 mm voxels, the tumour's middle at about (42, 39, 30) mm."""
    values = np.zeros((8, 8, 8))
    values[3:, 3:, 3:] = 1.0
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = 20.0, 18.0, 10.0
    return HeatMap(values, affine)


def example(**changes: object) -> Explanation:
    rows = tuple(
        Contribution(f"clinical:{name}", name, "1 unit", "average 2 unit", effect)
        for name, effect in zip(NAMES, EFFECTS, strict=True)
    )
    found = Explanation("clinical", EndpointKind.BINARY, Contributions(rows, -1.0, -0.1), (30.0,), (0.1,), (0.2,))
    return replace(found, **changes)  # type: ignore[arg-type]


def silent(*_: object) -> None:
    raise DataRefusal("not asked here")


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """A model that explains every case; what it was asked."""
    asked: list[tuple[str, str, str]] = []
    blocks = BlockContribution("clinical", "Health record", 0.9), BlockContribution("image:ct", "Image ct", 0.0)
    ends = replace(example().contributions, blocks=blocks)
    whole = example(heat={"ct": heat()}, note=NOT_CHOSEN, contributions=ends)

    def explain(*args: object) -> Explanation:
        case_id, endpoint, inputs = (str(part) for part in args[-3:])
        asked.append((case_id, endpoint, inputs))
        return whole if endpoint == "any_complication" else example()

    monkeypatch.setattr(RiskModel, "load", lambda _: None)
    monkeypatch.setattr(explanation, "case_explanation", explain)
    for module, name in ((what_if, "case_what_if"), (similar, "similar_cases")):
        monkeypatch.setattr(module, name, silent)
    return asked


def test_the_largest_effects_are_bars_and_the_rest_one_sentence() -> None:
    shown = moved(example())
    assert [bar.label for bar in shown.bars] == list(NAMES[:6])
    assert shown.rest == "2 other inputs together: raises (+0.10)"
    assert [bar.effect for bar in shown.bars][:2] == ["raises (+0.80)", "lowers (−0.60)"]
    assert (shown.bars[0].left_percent, shown.bars[0].width_percent) == (50.0, 50.0)
    assert (shown.bars[1].left_percent, shown.bars[1].width_percent) == (12.5, 37.5)
    assert shown.ends == "The average development case gets 10 of 100 within 30 days, this patient 20 of 100."
    assert "log odds" in shown.scale


def test_several_blocks_are_bars_of_their_own_on_the_same_scale_and_one_alone_is_none() -> None:
    record, image = BlockContribution("clinical", "Health record", 1.6), BlockContribution("image:ct", "Image ct", -0.4)
    ends = example().contributions
    shown = moved(example(contributions=replace(ends, blocks=(record, image))))
    assert [(bar.label, bar.effect) for bar in shown.blocks] == [
        ("Health record", "raises (+1.60)"), ("Image ct", "lowers (−0.40)"),
    ]  # fmt: skip
    assert (shown.blocks[0].width_percent, shown.bars[0].width_percent) == (50.0, 25.0)
    assert moved(example(contributions=replace(ends, blocks=(record,)))).blocks == ()


def test_a_small_effect_has_a_small_bar() -> None:
    rows = (Contribution("clinical:Age", "Age", "1", "2", 0.07),)
    (bar,) = moved(example(contributions=Contributions(rows, 0.0, 0.07))).bars
    assert bar.width_percent == pytest.approx(5.0)


def test_words_for_where_heat_lies() -> None:
    assert inside_words({"kidney": 0.304, "tumor": 0.61}) == "Of the heat 61 % in tumor, 30 % in kidney."
    assert inside_words({}) == ""


def test_words_for_effects() -> None:
    assert effect_words(0.004) == "hardly moves it"
    assert effect_words(-0.31) == "lowers (−0.31)"


def test_a_duration_is_explained_in_days() -> None:
    shown = moved(example(kind=EndpointKind.DURATION, average=(3.0,), own=(4.25,), horizons_days=()))
    assert shown.ends == "The average development case gets 3.0 days, this patient 4.2 days."
    assert "duration" in shown.scale


def test_inputs_that_move_nothing_are_not_listed() -> None:
    rows = (Contribution("clinical:Age", "Age", "1", "2", 0.0),)
    shown = moved(example(contributions=Contributions(rows, 0.0, 0.0)))
    assert shown.bars == ()
    assert shown.rest == ""


def test_the_page_explains_the_first_outcome_and_says_what_it_is_not(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    page = open_page(store, case="E003")
    shown = texts(page)
    assert not page.exception
    assert answering == [("E003", "any_complication", "preoperative")]
    for words in (
        SECTION,
        "Health record",
        "raises (+0.90)",
        "hardly moves it",
        "Albumin",
        "1 unit",
        "average 2 unit",
        "raises (+0.80)",
        "lowers (−0.60)",
        NOT_A_CAUSE,
    ):
        assert words in shown, words
    assert SEEN in shown, "a development case is explained by a model that saw it"
    assert shown.index("12 of 100") < shown.index("raises (+0.80)")


def test_another_outcome_and_input_set_are_explained_when_picked(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    page = open_page(store, case="E003")
    page.selectbox(key=explanation.PICK).select("length_of_stay").run()
    page.radio(key="inputs").set_value("with_plan").run()
    assert not page.exception
    assert answering[1:] == [("E003", "length_of_stay", "preoperative"), ("E003", "any_complication", "with_plan")]


def test_the_heat_is_off_until_asked_for_and_says_whose_it_is(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    page = open_page(store, case="E003")
    assert "Heat:" not in texts(page)
    plain = texts(page)
    page.toggle(key=patient.HEAT).set_value(True).run()
    shown = texts(page)
    assert not page.exception
    assert NOT_CHOSEN in shown
    assert "no more than the dotted block" in shown
    assert shown.count("heat is strongest in") == 3
    assert shown.count('src="data:image/jpeg;base64,') == plain.count('src="data:image/jpeg;base64,') == 3
    page.toggle(key=patient.HEAT).set_value(False).run()
    assert "Heat:" not in texts(page)
    assert texts(page).count('src="data:image/jpeg;base64,') == 3


def test_an_outcome_without_heat_has_no_switch_and_still_its_planes(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    page = open_page(store, case="E003")
    page.toggle(key=patient.HEAT).set_value(True).run()
    page.selectbox(key=explanation.PICK).select("length_of_stay").run()
    assert not page.exception
    assert not page.toggle
    assert texts(page).count('src="data:image/jpeg;base64,') == 3


def test_a_case_without_mask_keeps_its_sentence(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    page = open_page(store, case=WITHOUT_MASK)
    assert not page.exception
    assert SECTION in texts(page)
    assert "no outlines to show" in texts(page)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataRefusal("the contributions do not add up"), "cannot be explained: the contributions do not add up."),
        (BundleRefusal("the bundle is damaged"), "cannot be explained: the bundle is damaged."),
        (StoreRefusal("/some/place is damaged"), explanation.UNREADABLE),
    ],
)
def test_what_cannot_be_explained_is_a_sentence_beside_the_risk(
    store: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(_: object) -> None:
        raise error

    monkeypatch.setattr(RiskModel, "load", refuse)
    shown = texts(open_page(store, case="E003"))
    assert words in shown
    assert "12 of 100" in shown
    assert "/some/place" not in shown
    assert main.OUR_FAULT not in shown


def test_a_risk_of_another_bundle_is_not_explained_by_this_one(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    assert explanation.OTHER_BUNDLE in texts(open_page(store, case="E061"))
    assert answering == []


def test_a_store_without_bundle_says_so(store: Path, open_page: OpenPage) -> None:
    (store / STUDY / "bundle/manifest.json").unlink()
    assert explanation.NO_BUNDLE in texts(open_page(store, case="E003"))


def test_markup_in_a_value_is_shown_as_text(store: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (Contribution("clinical:x", "<b>x</b>", "<script>1</script>", "y", 0.5),)
    monkeypatch.setattr(RiskModel, "load", lambda _: None)
    given = example(contributions=Contributions(rows, 0.0, 0.5))
    monkeypatch.setattr(explanation, "case_explanation", lambda *_: given)
    shown = texts(open_page(store, case="E003"))
    assert "<script>1" not in shown
    assert "&lt;b&gt;x" in shown


def test_features_computed_anew_are_explained_anew(
    store: Path, open_page: OpenPage, answering: list[tuple[str, str, str]]
) -> None:
    page = open_page(store, case="E003")
    page.run()
    assert len(answering) == 1, "kept while nothing changed"
    path = store / STUDY / "features/features.parquet"
    path.write_bytes(path.read_bytes())
    page.run()
    assert len(answering) == 2
