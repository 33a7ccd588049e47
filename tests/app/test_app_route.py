"""A move to another page stands against a request that carries the old address."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from app import route


class Query(dict[str, str]):
    def to_dict(self) -> dict[str, str]:
        return dict(self)

    def from_dict(self, values: dict[str, str]) -> None:
        self.clear()
        self.update(values)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake = SimpleNamespace(query_params=Query(view="patient", case="E003"), session_state={})
    monkeypatch.setattr(route, "st", fake)
    return fake


def test_an_old_address_just_after_a_move_is_not_followed(browser: Any) -> None:
    route.go(view="model")
    browser.query_params.from_dict({"view": "patient", "case": "E003"})
    assert route.current(["s"]).view == "model"


def test_the_back_button_works_after_a_moment(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    route.go(view="model")
    later = time.monotonic() + route.FRESH_SECONDS + 1
    monkeypatch.setattr(route.time, "monotonic", lambda: later)
    browser.query_params.from_dict({"view": "patient", "case": "E003"})
    assert route.current(["s"]).view == "patient"


def test_another_address_is_followed_at_once(browser: Any) -> None:
    route.go(view="model")
    browser.query_params.from_dict({"view": "worklist"})
    assert route.current(["s"]).view == "worklist"
