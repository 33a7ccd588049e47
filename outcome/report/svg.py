"""How a figure becomes text for a page: SVG with stable ids, no dates, text kept as text.

The same figure gives the same bytes, and figures set side by side in one page share no ids.
"""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, GRID = "#1d2b3a", "#5b6b7b", "#d9e0e6"
# Okabe and Ito's colours: told apart with every common colour vision deficiency.
BLUE, ORANGE, GREEN, VERMILION, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9"

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # a group named "$5" is text, not mathematics
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


def house_style(**more: Any) -> AbstractContextManager[None]:
    """Matplotlib's settings for our figures; `more` adds to them."""
    settings: Any = {**STYLE, **{name.replace("__", "."): value for name, value in more.items()}}
    return matplotlib.rc_context(settings)


_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_PAGE_FONT = "'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def to_svg(figure: Figure, title: str) -> str:
    """The figure as one `<svg>` element whose accessible name is `title`."""
    buffer = io.StringIO()
    with house_style(svg__hashsalt=title):
        FigureCanvasSVG(figure).print_svg(buffer, metadata=_NO_METADATA)
    return _with_own_ids(_element(buffer.getvalue()), title)


def _element(document: str) -> str:
    """The svg element alone, in the page's font; its style element would otherwise reach the whole page."""
    element = document[document.index("<svg") :].strip()
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r"<style[^>]*>.*?</style>", "", element, flags=re.DOTALL)
    element = re.sub(r"\s*\n\s*", " ", element)
    return element.replace("'DejaVu Sans', sans-serif", _PAGE_FONT)


def _with_own_ids(element: str, title: str) -> str:
    key = "f" + hashlib.sha256((title + element).encode()).hexdigest()[:10]
    element = re.sub(r'\bid="', f'id="{key}-', element)
    element = re.sub(r"url\(#", f"url(#{key}-", element)
    element = re.sub(r'href="#', f'href="#{key}-', element)
    return element.replace("<svg ", f'<svg role="img" stroke-linejoin="round" aria-labelledby="{key}-t" ', 1).replace(
        ">", f'><title id="{key}-t">{_escaped(title)}</title>', 1
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
