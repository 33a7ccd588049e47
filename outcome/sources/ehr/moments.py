"""When was it? A recorded time as the span in which it may lie, so that "before surgery" is never a guess.

A date without a time may be any instant of its day. So may a time of exactly midnight: databases fill it in where
nobody wrote a time down.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

_TICK = datetime.timedelta(microseconds=1)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Moment:
    """The first and the last instant it may be (UTC, or the database's own clock), its local day and local text."""

    low: datetime.datetime
    high: datetime.datetime
    day: datetime.date
    text: str

    @property
    def is_exact(self) -> bool:
        """Whether a time of day is known."""
        return self.low == self.high

    def surely_before(self, other: Moment) -> bool:
        """Whether it lies before the other one whatever the true instants were."""
        return self.high < other.low

    def until(self, end: Moment) -> Moment:
        """From the first instant of this one to the last of the other, under the other's day and text."""
        return Moment(min(self.low, end.low), max(self.high, end.high), end.day, end.text)


def moment(value: Any, zone: ZoneInfo | None) -> Moment | None:
    """A database's or FHIR's date or date and time; None where nothing stands there.

    Times with an offset are put into `zone`; others are local times there. Raises ValueError for what is no date, and
    for a time with an offset where no zone is known.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _of_text(value.strip(), zone)
    if isinstance(value, datetime.datetime):
        return _of_instant(value, zone)
    if isinstance(value, datetime.date):
        return _of_days(value, value + datetime.timedelta(days=1), value.isoformat(), zone)
    raise ValueError(f"no date: {type(value).__name__}")


def _of_text(text: str, zone: ZoneInfo | None) -> Moment:
    partial = _PARTIAL.fullmatch(text)
    if partial:
        year, month = int(partial[1]), int(partial[2] or 1)
        first = datetime.date(year, month, 1)
        months = 1 if partial[2] else 12
        return _of_days(
            first, datetime.date(year + (month + months > 12), (month + months - 1) % 12 + 1, 1), text, zone
        )
    if _DAY.fullmatch(text):
        day = datetime.date.fromisoformat(text)
        return _of_days(day, day + datetime.timedelta(days=1), text, zone)
    return _of_instant(datetime.datetime.fromisoformat(text), zone)


def _of_instant(instant: datetime.datetime, zone: ZoneInfo | None) -> Moment:
    if instant.tzinfo is not None:
        if zone is None:
            raise ValueError("a time with an offset needs the mapping's time_zone")
        instant = instant.astimezone(zone)
    local = instant.replace(tzinfo=None)
    if local.time() == datetime.time.min:
        return _of_days(local.date(), local.date() + datetime.timedelta(days=1), local.date().isoformat(), zone)
    exact = _utc(instant.replace(tzinfo=zone) if instant.tzinfo is None else instant)
    return Moment(exact, exact, local.date(), local.isoformat(sep=" "))


def _of_days(first: datetime.date, after: datetime.date, text: str, zone: ZoneInfo | None) -> Moment:
    low, high = (datetime.datetime.combine(day, datetime.time.min, zone) for day in (first, after))
    return Moment(_utc(low), _utc(high) - _TICK, first, text)


def _utc(instant: datetime.datetime) -> datetime.datetime:
    return instant if instant.tzinfo is None else instant.astimezone(datetime.UTC).replace(tzinfo=None)
