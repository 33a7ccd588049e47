"""How a number is written for a reader: value, interval, unit; never a bare number, never a silent gap.

The one place where numbers become text, so that report, dashboard and terminal agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

MINUS = "\u2212"
EN_DASH = "\u2013"
NOT_GIVEN = "not given"
_DAYS_IN_MONTHS = 92  # up to three months a reader thinks in days
_DAYS_A_YEAR = 365.25
_YEAR_SLACK_DAYS = 3  # 365, 730, 1095 and 1826 days all mean whole years


def is_number(value: object) -> TypeGuard[float]:
    """Whether this is a finite number (booleans are not)."""
    if isinstance(value, bool) or value is None:
        return False
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def format_number(value: float, decimals: int = 2, *, signed: bool = False) -> str:
    """A number with a true minus sign; `signed` adds a plus to positive ones. Zero is never "−0.00"."""
    rounded = round(float(value), decimals)
    text = f"{abs(rounded):.{decimals}f}"
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if signed and rounded > 0 else text


def format_range(low: float, high: float, decimals: int = 2, *, signed: bool = False) -> str:
    """ "0.62–0.79"; with "to" where a sign would collide with the dash."""
    joint = " to " if signed or low < 0 or high < 0 else EN_DASH
    return joint.join(format_number(v, decimals, signed=signed) for v in (low, high))


def format_estimate(
    estimate: Mapping[str, Any] | None, *, decimals: int = 2, unit: str = "", signed: bool = False
) -> str:
    """ "0.71 (0.62–0.79)"; a withheld one gives "withheld: reason", an absent one says that it was not given.

    `estimate` is `outcome.types.Estimate.to_json()`. A value without interval says "no interval".
    """
    if not estimate:
        return NOT_GIVEN
    if not is_number(estimate.get("value")):
        return f"withheld: {estimate.get('withheld') or 'no reason was recorded'}"
    text = format_number(estimate["value"], decimals, signed=signed)
    low, high = estimate.get("low"), estimate.get("high")
    interval = format_range(low, high, decimals, signed=signed) if is_number(low) and is_number(high) else None
    suffix = f" {unit}" if unit else ""
    return f"{text} ({interval}){suffix}" if interval else f"{text}{suffix} (no interval)"


def format_difference(difference: Mapping[str, Any] | None, *, decimals: int = 2, unit: str = "") -> str:
    """ "+0.04 (−0.02 to +0.10)"; with one decimal more where these would show an end that is not zero as "0.00".

    Otherwise a reader would see an interval that touches zero beside the words that it does not, or the reverse.
    """
    ends = [(difference or {}).get(name) for name in ("low", "high")]
    hidden = any(is_number(end) and end != 0 and not round(float(end), decimals) for end in ends)
    return format_estimate(difference, decimals=decimals + hidden, unit=unit, signed=True)


def per_100(risk: float) -> str:
    """A probability as a whole count of 100; the two ends say "<1" and ">99" unless they are exactly 0 or 1."""
    hundredths = 100.0 * float(risk)
    if 0 < hundredths < 0.5:
        return "<1"
    if 99.5 <= hundredths < 100:
        return ">99"
    return str(math.floor(hundredths + 0.5))


def risk_per_100(risk: float | None, low: float | None = None, high: float | None = None) -> str:
    """ "12 of 100 (8–17)" from probabilities in [0, 1]; without interval it says so."""
    if not is_number(risk):
        return "no risk was computed"
    text = f"{per_100(float(risk))} of 100"
    if not (is_number(low) and is_number(high)):
        return f"{text} (no interval)"
    return f"{text} ({per_100(low)}{EN_DASH}{per_100(high)})"


def amount(value: float | None, low: float | None, high: float | None, unit: str) -> str:
    """ "4.2 days (2.9–6.1)": a predicted amount with its unit."""
    if not is_number(value):
        return "no value was computed"
    head = f"{format_number(float(value), 1)} {unit}".rstrip()
    if not (is_number(low) and is_number(high)):
        return f"{head} (no interval)"
    return f"{head} ({format_range(float(low), float(high), 1)})"


def horizon_words(horizon_days: object) -> str:
    """ "within 30 days", "within 3 years", or "no fixed horizon"; several horizons are joined."""
    if isinstance(horizon_days, Sequence) and not isinstance(horizon_days, str):
        lengths = [_length(float(day)) for day in horizon_days if is_number(day)]
        return f"within {_joined(lengths)}" if lengths else "no fixed horizon"
    return f"within {_length(float(horizon_days))}" if is_number(horizon_days) else "no fixed horizon"


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _length(days: float) -> str:
    years = round(days / _DAYS_A_YEAR)
    if days > _DAYS_IN_MONTHS and years and abs(days - years * _DAYS_A_YEAR) <= _YEAR_SLACK_DAYS:
        return f"{years} year{'s' if years > 1 else ''}"
    return f"{days:g} day{'s' if days != 1 else ''}"


def count(number: object) -> str:
    """A whole number with thin grouping ("10,000"), or a dash where there is none."""
    return f"{int(number):,}" if is_number(number) else EN_DASH


def events_text(n: object, n_events: object, *, counted: bool = False) -> str:
    """ "23 of 90 (26 %)": events among cases; only the cases where the endpoint has no events.

    `counted`: the endpoint has events, so that a count that is not given was suppressed for being small.
    """
    if not is_number(n):
        return "suppressed: too few cases to show"
    if not is_number(n_events):
        return f"events suppressed, {count(n)} cases" if counted else count(n)
    total = int(n)
    share = f" ({round(100 * int(n_events) / total)} %)" if total else ""
    return f"{count(n_events)} of {count(n)}{share}"
