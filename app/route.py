"""Where the reader is: study, view, case and input set, kept in the page's address so that it can be linked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

FRESH_SECONDS = 8.0
_MOVE = "_last_move"
VIEWS = {"worklist": "Worklist", "patient": "Patient", "model": "Model"}


@dataclass(frozen=True)
class Route:
    """The place the address names; unknown parts fall back to the first that exists."""

    study: str
    view: str
    case: str
    inputs: str


@dataclass(frozen=True)
class Move:
    """The last change of address: where from, where to, and when (seconds of a monotonic clock)."""

    left: dict[str, str]
    reached: dict[str, str]
    at: float


def current(studies: Sequence[str]) -> Route:
    """Read the address. A case without a view means the patient page."""
    _hold_a_fresh_move()
    query = st.query_params
    study = query.get("study", "")
    case = query.get("case", "")
    view = query.get("view", "patient" if case else "worklist")
    return Route(
        study if study in studies else studies[0], view if view in VIEWS else "worklist", case, query.get("inputs", "")
    )


def go(**places: str) -> None:
    """Change parts of the address; an empty part is taken out."""
    left = st.query_params.to_dict()
    for name, value in places.items():
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
    st.session_state[_MOVE] = Move(left, st.query_params.to_dict(), time.monotonic())


def _hold_a_fresh_move() -> None:
    """Let the last move stand against a request that set out before it and still carries the old address.

    A control that is taken off the page (a list losing focus, say) sends such a request; without this the page would
    jump back. The browser's Back button, which asks for the old address too, works again after a moment.
    """
    move = st.session_state.get(_MOVE)
    if move and time.monotonic() - move.at < FRESH_SECONDS and st.query_params.to_dict() == move.left != move.reached:
        st.query_params.from_dict(move.reached)


def choice(place: str, key: str) -> Callable[[], None]:
    """A widget's callback: what was picked under `key` becomes the address's `place`."""

    def follow() -> None:
        picked = st.session_state.get(key)
        if picked:
            go(**{place: str(picked)})

    return follow


def preset(key: str, value: str) -> None:
    """Show a place of the address in the widget `key`; the address, not the widget, is what holds."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
