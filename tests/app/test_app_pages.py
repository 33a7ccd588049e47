"""Every page in this process: what it shows, what it says when something is absent, and that it never breaks open."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from example_store import SCRIPT, STUDY, WITHOUT_MASK
from page_reading import OpenPage, texts

from app import main, planes
from outcome.errors import DataRefusal
from outcome.report.wording import BANNER


@dataclass(frozen=True)
class Plane:
    name: str
    labels: npt.NDArray[Any]
    image: npt.NDArray[np.float32] | None = None
    spacing_mm: tuple[float, float] = (1.0, 1.0)
    letters: Mapping[str, str] = field(default_factory=lambda: {"left": "R", "right": "L", "top": "A", "bottom": "P"})


class View:
    """A cube of 20 voxels without an image, of which every plane looks the same; the places that were asked for."""

    image = None
    labels = np.zeros((20, 20, 20), dtype=int)
    middle = (6, 7, 8)

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def planes(self, at: tuple[int, int, int]) -> list[Plane]:
        self.asked.append(at)
        labels = np.zeros((20, 20), dtype=int)
        labels[4:9, 4:9] = 2
        return [Plane(name, labels) for name in ("axial", "coronal", "sagittal")]


@pytest.fixture
def three_planes(monkeypatch: pytest.MonkeyPatch) -> View:
    view = View()
    monkeypatch.setattr(planes, "case_view", lambda *_: view)
    return view


pytestmark = pytest.mark.usefixtures("three_planes")


def test_the_worklist_lists_the_cases_by_risk(store: Path, open_page: OpenPage) -> None:
    page = open_page(store)
    assert not page.exception
    table = page.dataframe[0].value
    assert len(table) == 90
    assert table["Prediction"].is_monotonic_decreasing
    assert table["Prediction"].between(0, 100).all()
    assert {"Missing inputs", "To review"} <= set(table.columns)
    assert table.loc["E003", "To review"] == 1


def test_the_worklist_searches_filters_and_sorts(store: Path, open_page: OpenPage) -> None:
    page = open_page(store)
    page.text_input(key="wl_search").input("south").run()
    assert set(page.dataframe[0].value["Site"]) == {"south"}
    page.selectbox(key="wl_part").select("later_batch").run()
    assert set(page.dataframe[0].value["partition"]) == {"later_batch"}
    page.selectbox(key="wl_order").select("Case, A to Z").run()
    assert page.dataframe[0].value["Case"].is_monotonic_increasing
    page.text_input(key="wl_search").input("nobody").run()
    assert len(page.dataframe) == 0
    assert "No case matches" in texts(page)


def test_choosing_a_case_opens_its_page(store: Path, open_page: OpenPage) -> None:
    page = open_page(store)
    page.selectbox(key="wl_open").select("E003").run()
    assert not page.exception
    assert page.query_params["case"] == "E003"
    assert "Case E003" in texts(page)


def test_the_patient_page_says_risk_interval_horizon_source_and_warnings(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, case="E003"))
    for words in ("12 of 100", "(8–17)", "within 30 days", "within 3 years", " days", "fitted without this patient",
                  "many fragments", "not predicted: no model"):  # fmt: skip
        assert words in shown, words
    assert shown.index("many fragments") < shown.index("12 of 100")


def test_a_later_case_names_the_frozen_model_and_is_not_called_external(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, case="E061"))
    assert "frozen model" in shown
    assert "not external" in shown
    assert "Outside experience" in shown


def test_planes_have_words_and_say_that_there_is_no_ct(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, case="E003"))
    assert shown.count('src="data:image/jpeg;base64,') == 3
    assert 'alt="axial plane: outlines of tumor; sides of the picture: left R, right L, top A, bottom P' in shown
    assert "This study has no CT images; outlines of the given mask only" in shown


def test_the_planes_go_through_the_region_and_then_where_the_sliders_say(
    store: Path, open_page: OpenPage, three_planes: View
) -> None:
    page = open_page(store, case="E003")
    assert three_planes.asked == [(6, 7, 8)]
    sliders = {each.label.partition(":")[0]: each for each in page.slider}
    assert {name: each.value for name, each in sliders.items()} == {"Axial": 9, "Coronal": 8, "Sagittal": 7}
    sliders["Axial"].set_value(20).run()
    assert three_planes.asked[-1] == (6, 7, 19)
    assert not page.exception
    assert "im_greys" not in [each.key for each in page.selectbox], "there is no image whose greys could change"


def test_lines_stand_where_the_other_planes_cut() -> None:
    # seen from the feet the patient's right is on the left and anterior up: the first voxel is bottom right
    assert planes.cross_of("axial", (0, 0, 3), (20, 30, 40)) == (29, 19)
    assert planes.cross_of("coronal", (0, 5, 39), (20, 30, 40)) == (0, 19)
    assert planes.cross_of("sagittal", (7, 29, 0), (20, 30, 40)) == (39, 0)


def test_a_case_without_mask_says_so_and_keeps_its_risk(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, case=WITHOUT_MASK))
    assert planes.NO_MASK in shown
    assert " of 100" in shown


def test_images_that_cannot_be_read_are_a_sentence(
    store: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataRefusal("the mask is on another grid")

    monkeypatch.setattr(planes, "case_view", refuse)
    shown = texts(open_page(store, case="E003"))
    assert "cannot be shown. the mask is on another grid" in shown
    assert "12 of 100" in shown


def test_the_default_input_set_is_preoperative_and_the_switch_changes_the_risk(
    store: Path, open_page: OpenPage
) -> None:
    page = open_page(store, case="E003")
    assert page.radio(key="inputs").value == "preoperative"
    assert "Planned approach" not in texts(page)
    page.radio(key="inputs").set_value("with_plan").run()
    assert page.query_params["inputs"] == "with_plan"
    assert "Planned approach" in texts(page)
    assert "(8–17)" not in texts(page)


def test_an_unknown_case_is_said(store: Path, open_page: OpenPage) -> None:
    page = open_page(store, case="E999")
    assert not page.exception
    assert "This study has no such case" in texts(page)


@pytest.mark.parametrize("address", [{"view": "nowhere"}, {"study": "../../etc"}, {"inputs": "all", "case": "E003"}])
def test_a_strange_address_falls_back(store: Path, open_page: OpenPage, address: dict[str, str]) -> None:
    page = open_page(store, **address)
    assert not page.exception
    assert BANNER in texts(page)
    assert main.OUR_FAULT not in texts(page)


def test_the_model_page_shows_choice_performance_and_figures(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, view="model"))
    for words in ("Chosen model: <b>clinical</b>", "simplest rung within one standard error", "0.71 (0.60–0.82)",
                  "development (out-of-fold)", "no gain over tumour size claimed", "Calibration curve with band",
                  "withheld: 7 events", "suppressed: too few cases"):  # fmt: skip
        assert words in shown, words
    assert shown.count('src="data:image/svg+xml;base64,') == 2


def test_the_model_page_follows_partition_and_outcome(store: Path, open_page: OpenPage) -> None:
    page = open_page(store, view="model")
    page.selectbox(key="md_part").select("later_batch").run()
    assert "AUC (ROC) 0.66 (0.55–0.77)" in texts(page)
    page.selectbox(key="md_endpoint").select("major_complication").run()
    assert not page.exception
    assert "No calibration curve: too few events" in texts(page)


def test_a_store_without_bundle_and_evaluation_says_both(store: Path, open_page: OpenPage) -> None:
    for part in ("bundle", "predict", "evaluate"):
        shutil.rmtree(store / STUDY / part)
    shown = texts(open_page(store, view="model"))
    assert "no frozen model (bundle)" in shown
    assert "not evaluated yet" in shown
    assert "12 of 100" in texts(open_page(store, case="E003"))


def test_a_study_without_predictions_lists_its_cases(store: Path, open_page: OpenPage) -> None:
    for part in ("bundle", "predict", "evaluate", "train", "features", "segment"):
        shutil.rmtree(store / STUDY / part)
    page = open_page(store)
    assert not page.exception
    assert "No predictions yet" in texts(page)
    assert len(page.dataframe[0].value) == 90
    assert "No prediction exists for this patient" in texts(open_page(store, case="E003"))


def test_an_empty_store_says_what_to_do(tmp_path: Path, open_page: OpenPage) -> None:
    page = open_page(tmp_path)
    assert not page.exception
    assert "This store holds no study yet" in texts(page)
    assert "outcome run STUDY.yaml" in texts(page)


def test_no_store_at_all_is_said(open_page: OpenPage) -> None:
    assert "No store was named" in texts(open_page(None))


@pytest.mark.parametrize("address", [{}, {"case": "E003"}, {"view": "model"}])
def test_every_page_carries_the_banner(store: Path, open_page: OpenPage, address: dict[str, str]) -> None:
    assert BANNER in texts(open_page(store, **address))


def test_markup_in_a_record_is_shown_as_text(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, case="E001"))
    assert SCRIPT not in shown
    assert "&lt;script&gt;document.title=" in shown


def test_markup_in_findings_and_titles_is_shown_as_text(store: Path, open_page: OpenPage) -> None:
    finding = {"code": "x", "level": "review", "message": SCRIPT, "case_ids": ["E001"]}
    (store / STUDY / "cohort/findings.json").write_text(json.dumps([finding]))
    shown = texts(open_page(store, case="E001"))
    assert "To review" in shown
    assert "<script" not in shown


def test_a_damaged_file_is_a_sentence_with_the_next_step(store: Path, open_page: OpenPage) -> None:
    (store / STUDY / "cohort/cases.parquet").write_bytes(b"broken")
    page = open_page(store)
    assert not page.exception
    assert "cohort/cases.parquet of this study cannot be read" in texts(page)
    assert "outcome cohort STUDY.yaml" in texts(page)


def test_our_own_mistake_is_a_sentence_and_goes_to_the_log(
    store: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("app.worklist.show", fail)
    with caplog.at_level(logging.ERROR):
        page = open_page(store)
    assert not page.exception
    assert "Nothing you did is wrong" in texts(page)
    assert "secret detail" not in texts(page)
    assert "secret detail" in caplog.text


def test_a_page_that_others_could_reach_shows_no_patient(store: Path, open_page: OpenPage) -> None:
    shown = texts(open_page(store, listen="0.0.0.0", case="E003"))
    assert "only runs on this machine" in shown
    assert "E003" not in shown
