"""In which order the study file names things: canonical JSON sorts keys, but endpoints are shown as written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

Orders = dict[str, list[str]]


def name_orders(study: BaseModel) -> Orders:
    """For every mapping of a study that is not in sorted order, by its place (`a.b`): its names as written."""
    return {place: list(found) for place, found in _mappings(study, "") if list(found) != sorted(found)}


def in_order(document: Mapping[str, Any], orders: Mapping[str, list[str]], place: str = "") -> dict[str, Any]:
    """A study as JSON with the names of each mapping in the order that `name_orders` gave."""
    names = [name for name in orders.get(place, ()) if name in document]
    return {
        name: in_order(value, orders, _below(place, name)) if isinstance(value, Mapping) else value
        for name, value in ((name, document[name]) for name in dict.fromkeys([*names, *document]))
    }


def _mappings(value: object, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, BaseModel):
        parts = {name: getattr(value, name) for name in type(value).model_fields}
    elif isinstance(value, Mapping):
        yield place, value
        parts = dict(value)
    else:
        return
    for name, part in parts.items():
        yield from _mappings(part, _below(place, str(name)))


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
