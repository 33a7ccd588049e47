"""Which records count for a case? Those in the variable's window; before the index time means surely before."""

from __future__ import annotations

from collections.abc import Iterable

from outcome.config.mapping import Window
from outcome.sources.ehr.moments import Moment
from outcome.sources.ehr.records import Entry


def in_window(entry: Entry, index: Moment, window: Window) -> bool:
    """Whether an entry counts.

    A window that ends at the index time or earlier holds what surely lay before its end and was surely on record
    before the index time: a date without a time on the day of the index is not before it. Any other window holds what
    may lie in it. The start is included, and what may lie after it counts.
    """
    start, end = window.from_index, window.to_index
    if start is not None and entry.when.high < index.low + start:
        return False
    if end is None:
        return True
    if window.reaches_index:
        return entry.when.low <= index.low + end
    return entry.when.high < index.low + end and entry.known.surely_before(index)


def counting(entries: Iterable[Entry], index: Moment, window: Window) -> list[Entry]:
    """The entries that count, the earliest first; equal times by id."""
    return sorted((e for e in entries if in_window(e, index, window)), key=lambda e: (e.when.high, e.when.low, e.id))
