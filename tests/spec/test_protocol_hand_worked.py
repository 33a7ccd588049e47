"""A protocol's hash and its deviations, on a plan that can be read at a glance."""

from __future__ import annotations

import hashlib
import json

import pytest

from outcome.pipeline import protocol as module
from outcome.pipeline.protocol import Protocol

PLAN = {"bundle_id": "0123456789ab", "endpoints": {"death": {"thresholds": {"preoperative": 0.2}}}, "min_events": 10}


def test_the_hash_is_that_of_the_sorted_json_without_the_hash() -> None:
    protocol = Protocol("2026-01-31T12:00:00Z", PLAN)
    content = {"format": "surgical-outcome-protocol", "version": 1, "fixed_at": "2026-01-31T12:00:00Z", "plan": PLAN}
    text = json.dumps(content, sort_keys=True, indent=1) + "\n"
    assert protocol.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert Protocol("2026-01-31T12:00:01Z", PLAN).sha256 != protocol.sha256


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00+01:00"])
def test_a_time_that_is_not_utc_to_the_second_is_no_time(time: str) -> None:
    with pytest.raises(ValueError, match="2026-01-31T12:00:00Z"):
        Protocol(time, PLAN)


def test_every_deviation_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {
        "bundle_id": "0123456789ab",
        "endpoints": {"death": {"thresholds": {"preoperative": 0.3}}, "stay": {"kind": "duration"}},
        "level": 0.95,
    }
    monkeypatch.setattr(module, "planned", lambda bundle, study: here)
    found = module.deviations(Protocol("2026-01-31T12:00:00Z", PLAN), None, None)  # type: ignore[arg-type]
    assert found == [
        "endpoints.death.thresholds.preoperative: protocol 0.2, here 0.3",
        "endpoints.stay: evaluated, not in the protocol",
        "min_events: in the protocol, not evaluated",
        "level: evaluated, not in the protocol",
    ]
