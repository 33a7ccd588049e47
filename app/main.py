"""The dashboard: `streamlit run app/main.py -- --store DIR`, or better `outcome dashboard --store DIR`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import streamlit as st

from app import markup, model, patient, route, worklist
from app.launch import is_loopback
from app.readers import list_studies, load_study
from app.records import StudyRecords
from outcome.errors import OutcomeError
from outcome.report.wording import BANNER, INPUTS_MEANING, inputs_words

_log = logging.getLogger(__name__)
OUR_FAULT = (
    "This page could not be shown. Nothing you did is wrong and no data was changed. "
    "The details are in the window where the dashboard was started."
)


def main() -> None:
    """Show the page; whatever goes wrong becomes a sentence, never a traceback."""
    st.set_page_config(page_title="Surgical outcome risk", layout="wide", initial_sidebar_state="expanded")
    markup.style()
    markup.show("banner.html.j2", banner=BANNER)
    try:
        _page()
    except OutcomeError as error:
        _log.warning("%s", error.render())
        markup.show("sentence.html.j2", text=error.message, next_step=error.next_step)
    except Exception:  # the last net: a surgeon must not meet a traceback
        _log.exception("a page failed")
        markup.show("sentence.html.j2", text=OUR_FAULT, next_step="")


def _page() -> None:
    if not is_loopback(st.get_option("server.address")):
        text = "The dashboard shows patients and has no login, so it only runs on this machine's own address."
        markup.show("sentence.html.j2", text=text, next_step="outcome dashboard --store DIR")
        return
    store = _store(sys.argv[1:])
    studies = list_studies(store) if store else []
    if store is None or not studies:
        text = "This store holds no study yet." if store else "No store was named."
        markup.show(
            "sentence.html.j2", text=text, next_step="outcome run STUDY.yaml, then outcome dashboard --store DIR"
        )
        return
    place = route.current(studies)
    records = load_study(store, place.study)
    _view(store, records, place, _sidebar(studies, place, records))


def _store(arguments: list[str]) -> Path | None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--store", type=Path)
    return parser.parse_known_args(arguments)[0].store


def _sidebar(studies: list[str], place: route.Route, records: StudyRecords) -> str:
    """Study, view and input set; returns the input set."""
    route.preset("study", place.study)
    route.preset("view", place.view)
    sets = records.input_sets()
    inputs = place.inputs if place.inputs in sets else sets[0]
    route.preset("inputs", inputs)
    with st.sidebar:
        st.radio("Page", list(route.VIEWS), format_func=route.VIEWS.__getitem__, key="view", on_change=_follow_view)
        st.selectbox("Study", studies, key="study", on_change=_follow_study)
        st.radio("Inputs", sets, format_func=inputs_words, key="inputs", on_change=route.choice("inputs", "inputs"))
        markup.show("heading.html.j2", title="", facts=f"The model reads {INPUTS_MEANING.get(inputs, inputs)}.")
    return inputs


def _follow_view() -> None:
    route.go(view=str(st.session_state["view"]))


def _follow_study() -> None:
    route.go(study=str(st.session_state["study"]), case="")


def _view(store: Path, records: StudyRecords, place: route.Route, inputs: str) -> None:
    if place.view == "patient":
        patient.show(store, records, place.case, inputs)
    elif place.view == "model":
        model.show(records, inputs)
    else:
        worklist.show(records, inputs)


if __name__ == "__main__":
    main()
