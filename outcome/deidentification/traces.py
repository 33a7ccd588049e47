"""Does an identifier of the record stand where it should not: in a note, in a label, in the study's own words?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_LEAST_WORD, _LEAST_WHOLE, _LEAST_DIGITS = 3, 4, 6
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"[^\s@]+@[^\s@]+\.[^\s@]+",  # e-mail
        r"https?://|www\.",
        r"\d(?:[\s()./-]?\d){6,}",  # telephone, record numbers
        r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b",  # dates
    )
)
_WORD = re.compile(r"[^\W_]+")


def of_patient(text: str, identifiers: Iterable[str]) -> bool:
    """Whether a note names its own patient by any word of the identifiers, or holds an address, a number or a date."""
    words = {word for one in identifiers for word in _words(one) if len(word) >= _LEAST_WORD}
    return bool(words & set(_words(text))) or any(pattern.search(text) for pattern in _PATTERNS)


def in_texts(texts: Mapping[str, str], identifiers: Iterable[str]) -> list[str]:
    """The places of texts in which an identifier stands as a whole; short ones, which all texts hold, do not count."""
    telling = [one.strip().lower() for one in set(identifiers) if _telling(one)]
    if not telling:
        return []
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in sorted(telling)))
    return [place for place, text in texts.items() if pattern.search(text.lower())]


def _telling(identifier: str) -> bool:
    text = identifier.strip()
    letters = any(character.isalpha() for character in text)
    return len(text) >= (_LEAST_WHOLE if letters else _LEAST_DIGITS)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
