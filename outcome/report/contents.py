"""Which sections the page has, in their order, each with the anchor that links to it.

A section without content has no place on the page and no anchor: a checklist that points to it can rely on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from outcome.report.pieces import FULL, Detail, Pieces, html


@dataclass(frozen=True)
class Section:
    """One titled part of the page, with the sections `inside` it.

    `anchor` is its own; `topic` names the question it answers where several sections do (one a model). `headline`
    stands beside the title of a section that opens and closes. `is_gap`: it only says that something is not there.
    `body` is filled by `Contents.of`.
    """

    title: str
    anchor: str
    pieces: Pieces = ()
    inside: tuple[Section, ...] = ()
    topic: str = ""
    headline: str = ""
    is_open: bool = False
    is_gap: bool = False
    body: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class Contents:
    """The sections that have content, with their HTML."""

    sections: tuple[Section, ...]

    @classmethod
    def of(cls, sections: Iterable[Section], detail: Detail = FULL) -> Contents:
        return cls(tuple(_filled(sections, detail)))

    def has(self, anchor: str) -> bool:
        """Whether there is something to read at this anchor (a section's own, or its topic's)."""
        return anchor in self.anchors

    @property
    def anchors(self) -> frozenset[str]:
        """Every anchor at which something stands."""
        told = (part for part in walk(self.sections) if not part.is_gap)
        return frozenset(name for part in told for name in (part.anchor, part.topic) if name)

    @property
    def first_of_topic(self) -> dict[str, str]:
        """{own anchor: topic} of the sections that are the first to speak of their topic."""
        first: dict[str, str] = {}
        for section in walk(self.sections):
            if section.topic:
                first.setdefault(section.topic, section.anchor)
        return {anchor: topic for topic, anchor in first.items()}


def walk(sections: Iterable[Section]) -> Iterator[Section]:
    """Every section and those inside it, in the order of the page."""
    for section in sections:
        yield section
        yield from walk(section.inside)


def _filled(sections: Iterable[Section], detail: Detail) -> Iterator[Section]:
    for section in sections:
        inside = tuple(_filled(section.inside, detail))
        body = html(section.pieces, detail)
        if body or inside:
            yield replace(section, inside=inside, body=body)
