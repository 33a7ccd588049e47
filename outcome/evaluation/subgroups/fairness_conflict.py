"""Which meanings of fair exclude each other in these data? Said in plain words.

Chouldechova 2017, doi:10.1089/big.2016.0047: false-positive rate = p / (1 - p) · (1 - PPV) / PPV · TPR with p the
event rate, so where p differs, PPV, TPR and FPR cannot all be equal. Kleinberg, Mullainathan & Raghavan 2017,
doi:10.4230/LIPIcs.ITCS.2017.43: nor can risks be calibrated in each group and equal on average among those with the
event and among those without it. Perfect prediction is the only way out.
"""

from __future__ import annotations

from collections.abc import Mapping

from outcome.types import Estimate

THEOREM = (
    "When event rates differ between groups and prediction is not perfect, not all meanings of fair can hold at once: "
    "predictive parity excludes equalised odds (Chouldechova 2017), and calibration within groups excludes equal "
    "average risks among cases with and among cases without the event (Kleinberg et al. 2016)."
)
Rates = Mapping[str, Mapping[str, Estimate]]


def implied_false_positive_rate(event_rate: float, sensitivity: float, predictive_value: float) -> float:
    """Which false-positive rate must a group have, given its event rate, sensitivity and positive predictive value?

    All in (0, 1); not below 0, and above 1 where no threshold can give these three.
    """
    return event_rate / (1 - event_rate) * (1 - predictive_value) / predictive_value * sensitivity


def conflict_words(gaps: Mapping[str, Estimate], rates: Rates) -> str:
    """What a reader must know before asking for all meanings of fair at once.

    `gaps` maps a meaning (`fairness.MEANINGS`, `equalised_odds`) to its gap; `rates` a group's label to its estimates.
    """
    base = gaps["event_rate"]
    if base.value is None or base.low is None or base.high is None:
        return f"{THEOREM} Whether event rates differ here cannot be said ({base.withheld or 'no interval'})."
    rate = _each("event_rate", rates)
    if not base.low > 0:
        seen = f"gap {base.value:.2f}, {base.low:.2f} to {base.high:.2f}; {rate}"
        return f"{THEOREM} Here no difference in event rates was shown ({seen}), so no conflict is shown to be forced."
    sentences = [THEOREM, f"Here event rates differ ({rate}).", _chouldechova(gaps), _kleinberg(gaps), _price(rates)]
    return " ".join(sentence for sentence in sentences if sentence)


def _chouldechova(gaps: Mapping[str, Estimate]) -> str:
    unequal, odds = _differs(gaps["predictive_parity"], 0), _differs(gaps["equalised_odds"], 0)
    if unequal is None or odds is None:
        return "Which of predictive parity and equalised odds is broken cannot be said here: one has no interval."
    return {
        (False, True): "The conflict present: equalised odds is broken, while no gap in predictive parity was shown.",
        (True, False): "The conflict present: predictive parity is broken, while no gap in equalised odds was shown.",
        (True, True): "The conflict present: predictive parity and equalised odds are both broken.",
        (False, False): "Neither predictive parity nor equalised odds shows a gap, though at least one must be broken: "
        "these cases are too few to tell which.",
    }[unequal, odds]


def _kleinberg(gaps: Mapping[str, Estimate]) -> str:
    risks = [_differs(gaps[name], 0) for name in ("balance_events", "balance_non_events")]
    calibration = _differs(gaps["calibration"], 1)
    if calibration is None or None in risks:
        return ""
    broken = "calibration within groups" if calibration else ""
    uneven = "equal average risks among cases with the event and without it" if any(risks) else ""
    parts = [part for part in (broken, uneven) if part]
    if not parts:
        return "No gap in calibration or average risks was shown, though at least one must be there."
    return f"Broken besides: {' and '.join(parts)}."


def _price(rates: Rates) -> str:
    """What equal predictive value and sensitivity would cost: the false-positive rate that each group had to have."""
    known = {label: found["event_rate"].value for label, found in rates.items()}
    common = [_mean(rates, name) for name in ("true_positive_rate", "positive_predictive_value")]
    sensitivity, predictive_value = common
    if not sensitivity or not predictive_value:
        return ""
    needed = {
        label: implied_false_positive_rate(rate, sensitivity, predictive_value)
        for label, rate in known.items()
        if rate is not None and rate < 1
    }
    listed = ", ".join(f"{label} {value:.2f}" for label, value in needed.items())
    equal = f"sensitivity {sensitivity:.2f} and positive predictive value {predictive_value:.2f}"
    return f"With {equal} in every group, false-positive rates would have to be: {listed}."


def _each(name: str, rates: Rates) -> str:
    values = {label: found[name].value for label, found in rates.items()}
    return ", ".join(f"{label} {value:.2f}" for label, value in values.items() if value is not None)


def _mean(rates: Rates, name: str) -> float | None:
    """Over groups, each by the cases below its line: for counts the value of all groups together."""
    parts = [(found[name].value, found[name].n) for found in rates.values()]
    total = sum(n for value, n in parts if value is not None)
    return sum(value * n for value, n in parts if value is not None) / total if total else None


def _differs(gap: Estimate, none_at: float) -> bool | None:
    return None if gap.value is None or gap.low is None else gap.low > none_at
