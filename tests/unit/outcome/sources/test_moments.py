"""A recorded time as the span in which it may lie."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from outcome.sources.ehr.moments import Moment, moment
from outcome.sources.ehr.table import completed_years

BERLIN = ZoneInfo("Europe/Berlin")


def at(value: object, zone: ZoneInfo | None = BERLIN) -> Moment:
    found = moment(value, zone)
    assert found is not None
    return found


def test_a_date_may_be_any_instant_of_its_local_day() -> None:
    day = at("2024-05-01")
    assert (day.low, day.high) == (dt.datetime(2024, 4, 30, 22), dt.datetime(2024, 5, 1, 21, 59, 59, 999999))
    assert not day.is_exact
    assert at("2024-05-01T00:00:00+02:00") == day  # midnight is what databases write where no time is known
    assert at(dt.datetime(2024, 5, 1), None).high.day == 1
    assert at(dt.date(2024, 5, 1), None) == at("2024-05-01", None)


@pytest.mark.parametrize(
    ("earlier", "later", "surely"),
    [
        ("2024-05-01T08:29:59+02:00", "2024-05-01T08:30:00+02:00", True),
        ("2024-05-01T08:30:00+02:00", "2024-05-01T08:30:00+02:00", False),  # the index time itself is not before it
        ("2024-05-01", "2024-05-01T23:00:00+02:00", False),  # the same day, without a time
        ("2024-04-30", "2024-05-01T00:30:00+02:00", True),
        ("2024-05-01T07:00:00+02:00", "2024-05-01", False),  # an index without a time may be any of its day
        ("2024-04-30T21:30:00Z", "2024-05-01", True),
        ("2024-04-30T22:30:00Z", "2024-05-01", False),  # half past midnight in Berlin: the index's own day
        ("2024-10-27T02:30:00+02:00", "2024-10-27T02:10:00+01:00", True),  # the hour that comes twice
        ("2024-05", "2024-05-31T12:00:00+02:00", False),
        ("2024-04", "2024-05-01", True), ("2023", "2024-01-01", True), ("2024", "2024-12-31", False),
        ("2023-12", "2024-01-01", True),
    ],
)  # fmt: skip
def test_before_is_never_a_guess(earlier: str, later: str, surely: bool) -> None:
    assert at(earlier).surely_before(at(later)) is surely


@pytest.mark.parametrize("text", ["2024-13-01", "yesterday", "01.05.2024", "2024-02-30"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        moment(text, BERLIN)


def test_an_offset_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time_zone"):
        moment("2024-05-01T08:30:00+02:00", None)


@pytest.mark.parametrize(
    ("birth", "years"), [("1960-05-02", 63), ("1960-05-01", 64), ("1960", 63), ("1960-04", 64), ("1960-06", 63)]
)
def test_age_in_completed_years_from_what_is_known_of_the_birth(birth: str, years: int) -> None:
    assert completed_years(at(birth), dt.date(2024, 5, 1)) == years
