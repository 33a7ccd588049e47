"""Our extras in REDCap's "Field Annotation": which tags stand there, and are they well formed?

REDCap keeps its own action tags in the same cell (`@HIDDEN`, `@READONLY`, ...) beside free text; those are kept and
not interpreted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outcome.dictionary.nearest import nearest

OUR_TAGS = ("UNIT", "AVAILABILITY", "ROLE", "MODIFIABLE", "ORDERED", "PLAUSIBLE", "SOURCE", "MISSING", "BLOCK")
FLAGS = ("MODIFIABLE", "ORDERED")
_REDCAP_WORDS = (
    "APPUSERNAME BARCODE CALCDATE CALCTEXT CHARLIMIT DEFAULT DOWNLOAD-COUNT FORCE-MINMAX HIDDEN HIDDEN-APP HIDDEN-FORM "
    "HIDDEN-PDF HIDDEN-SURVEY HIDEBUTTON HIDECHOICE IF INLINE INLINE-PREVIEW LANGUAGE-CURRENT-FORM LATITUDE LONGITUDE "
    "LANGUAGE-CURRENT-SURVEY LANGUAGE-FORCE LANGUAGE-SET MAXCHECKED MAXCHOICE NOMISSING NONEOFTHEABOVE NOW NOW-SERVER "
    "NOW-UTC PASSWORDMASK PLACEHOLDER PREFILL RANDOMORDER READONLY READONLY-APP READONLY-FORM READONLY-SURVEY RICHTEXT "
    "SETVALUE SHOWCHOICE SYNC-APP TODAY TODAY-SERVER TODAY-UTC USERNAME WORDLIMIT"
)
REDCAP_TAGS = frozenset(_REDCAP_WORDS.split())
_TAG = re.compile(r"(?:(?<=\s)|^)@([A-Za-z][A-Za-z0-9-]*)(=(?:'[^']*'|\"[^\"]*\"|[^\s'\"]+|.*))?", re.DOTALL)


@dataclass(frozen=True)
class Annotation:
    """The tags of one dictionary row, the rest of its annotation, and what is wrong with it."""

    tags: dict[str, str]
    rest: str
    problems: tuple[str, ...]


def read_annotation(text: str) -> Annotation:
    """Our tags in an annotation cell by name (flags hold ""), what else stands there, and the problems found."""
    tags: dict[str, str] = {}
    problems: list[str] = []
    spans: list[tuple[int, int]] = []
    for match in _TAG.finditer(text):
        name, given = match.group(1), match.group(2)
        problem = _problem(name, given, tags)
        if problem:
            problems.append(problem)
        elif name in OUR_TAGS:
            tags[name] = _unquoted(given)
            spans.append(match.span())
    return Annotation(tags, _without(text, spans), tuple(problems))


def write_annotation(tags: dict[str, str], rest: str) -> str:
    """The annotation cell for these tags, in a fixed order."""
    parts = [f"@{name}" if name in FLAGS else f"@{name}={_quoted(tags[name])}" for name in OUR_TAGS if name in tags]
    return " ".join([*parts, rest]).strip()


def _problem(name: str, given: str | None, tags: dict[str, str]) -> str:
    if name not in OUR_TAGS:
        foreign = name in REDCAP_TAGS or (given is None and name.upper() not in (name, *OUR_TAGS))
        return "" if foreign else f"unknown tag @{name} ({nearest(name, OUR_TAGS)})"
    if name in tags:
        return f"tag @{name} appears twice"
    if name in FLAGS:
        return f"@{name} takes no value" if given else ""
    if not given or given[1:2].isspace() or not _unquoted(given).strip():
        return f"@{name} needs a value, as in @{name}='…'"
    if given[1] in "'\"" and (len(given) < 3 or given[-1] != given[1]):
        return f"the quote that opens the value of @{name} is never closed"
    return ""


def _unquoted(given: str | None) -> str:
    value = (given or "")[1:]
    return value[1:-1] if len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0] else value


def _quoted(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return " ".join(text.split())
