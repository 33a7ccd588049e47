"""What the model card says of an update: in plain words, for somebody who gets the new bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOWN = ("oe_ratio", "slope", "brier")
_WORDS = {"oe_ratio": "observed over expected", "slope": "slope", "brier": "Brier score"}
_DONE = {
    "none": "tested, nothing had to be changed",
    "intercept": "intercept updated",
    "slope": "intercept and slope updated",
    "refit": "last layer refitted",
}


def card_section(entry: Mapping[str, Any]) -> str:
    """The card's section on one update, Markdown."""
    relations = ", ".join(f"{name} ({relation})" for name, relation in entry["partitions"].items())
    held = f", {entry['n_held_out']} of them held out to judge the update" if entry["n_held_out"] else ""
    head = [
        f"## Updated on `{entry['study']}`",
        f"- Parent: bundle `{entry['parent_id']}`; recipe, segmenter and models are the parent's",
        f"- Learned from: {entry['n']} cases{held}; {relations}. Do not validate this bundle on them",
        f"- Choice: closed testing at level {entry['alpha']:g}, the simplest update that the data do not reject",
        "- Thresholds moved with the risks; intervals of risks went through the same change",
    ]
    units = [f"- `{name}`: {unit_words(facts)}" for name, facts in entry["units"].items()]
    return "\n".join([*head, *units]) + "\n"


def unit_words(facts: Mapping[str, Any]) -> str:
    """What was done to one unit and what came of it, in one line."""
    if facts["untouched"]:
        return f"left as it is, untested: {facts['untouched']}"
    parts = [f"{_DONE[facts['rung']]} ({_test_words(facts['tests'])})"]
    gain = facts["gain"]
    if facts["rung"] != "none":
        parts += [_change_words(gain, name) for name in gain["before"] if name.removesuffix("_t") in _SHOWN]
        parts.append(gain["how"])
    threshold = facts["threshold"]
    if threshold and threshold["other_decisions"]:
        parts.append(f"{threshold['other_decisions']} of {threshold['of']} cases get another decision at the threshold")
    return "; ".join(parts)


def _test_words(tests: list[Mapping[str, Any]]) -> str:
    return ", ".join(f"{t['rung']} against {t['against']}: p {_p(t['p'])}" for t in tests)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _change_words(gain: Mapping[str, Any], name: str) -> str:
    before, after = gain["before"][name], gain["after"][name]
    return f"{_WORDS[name.removesuffix('_t')]} {_number(before)} before, {_number(after)} after"


def _number(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "withheld"
    ends = "" if estimate["low"] is None else f" ({estimate['low']:.3g} to {estimate['high']:.3g})"
    return f"{estimate['value']:.3g}{ends}"
