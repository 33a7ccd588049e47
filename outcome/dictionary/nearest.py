"""Which allowed word did the writer probably mean?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The allowed word closest in spelling, or all of them where none is close (at most twelve are shown)."""
    words = [str(option) for option in allowed]
    lower = {option.lower(): option for option in words}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lower[close[0]]!r}?"
    return f"allowed: {', '.join(words[:12])}{' …' if len(words) > 12 else ''}"
