"""Regions that lie inside each other, as heads of a network: a tumour's whole, its core, the core's enhancing part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segmentation.errors import ImageRefusal

Heads = Mapping[str, tuple[str, ...]]


def checked_heads(given: Any, regions: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Heads from the widest to the narrowest, each with the names of the regions that it covers.

    The widest covers every region and each next one region less, so that the heads together tell every region from
    every other. Nothing given: no heads. Raises ImageRefusal (`bad_heads`) for anything else.
    """
    if not isinstance(given, Mapping) or any(isinstance(names, str) for names in given.values()):
        raise _refuse(regions, given)
    pairs = [(str(head), tuple(str(name) for name in names)) for head, names in given.items()]
    found = dict(sorted(pairs, key=lambda pair: -len(pair[1])))
    if found:
        _check_nesting(found, regions, given)
    return found


def region_of_each(heads: Heads) -> tuple[str, ...]:
    """The region that each head covers and the next one does not, in the heads' order."""
    covered = [set(names) for names in heads.values()]
    return tuple((one - after).pop() for one, after in zip(covered, [*covered[1:], set()], strict=True))


def _check_nesting(heads: Heads, regions: Mapping[str, int], given: Any) -> None:
    covered = [set(names) for names in heads.values()]
    whole = covered[0] == set(regions) and all(len(names) == len(set(names)) for names in heads.values())
    pairs = zip(covered, [*covered[1:], set()], strict=True)
    if not whole or not all(after < one and len(one - after) == 1 for one, after in pairs):
        raise _refuse(regions, given)


def _refuse(regions: Mapping[str, int], found: Any) -> ImageRefusal:
    return ImageRefusal(
        "bad_heads",
        "The heads are not nested.",
        expected=f"names of regions, one head all of {', '.join(regions)}, and each next head one region less",
        found=str(found),
        next_step="change heads in the plan, or leave them out",
    )
