"""What was found of a model's heat maps when it was trained, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from outcome.report.model_words import unit_title, units

Json = Mapping[str, Any]


def heat_map_lines(study: Json, ladder: Json) -> list[str]:
    """A line for each network and image it reads: whether its maps are shown, and the numbers behind that."""
    return list(_lines(study, ladder))


def _lines(study: Json, ladder: Json) -> Iterator[str]:
    for _, endpoint, inputs, unit in units(ladder):
        for sequence, check in ((unit.get("heat_maps") or {}).get("sequences") or {}).items():
            yield f"{unit_title(study, endpoint, inputs)}, image {sequence}: {_words(check)}"


def _words(check: Json) -> str:
    if not check["cases"]:
        return (
            "no heat map: the network's learned filters gained nothing on cases set aside, or nothing raises its score"
        )
    verdict = "shown" if check["passed"] else "not shown, since they do not show what the network goes by"
    likeness = [
        f"{check[name]:.2f} to {whom}"
        for name, whom in (("weights", "untrained networks"), ("labels", "one that learned from shuffled outcomes"))
        if check[name] is not None
    ]
    told = [f"likeness {', '.join(likeness)} (at most {check['limit']:.2f})"]
    told += [f"{100 * share:.0f} % of the heat in {region}" for region, share in (check.get("inside") or {}).items()]
    if check.get("deletion_gain") is not None:
        told.append(
            f"deletion {check['deletion_gain']:+.2f} and insertion {check['insertion_gain']:+.2f} beyond chance"
        )
    return f"heat maps are {verdict}; {'; '.join(told)}; mean of {check['cases']} development cases"
