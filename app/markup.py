"""How our own markup reaches the page: templates with every value escaped, nothing else.

Texts from records never pass through Streamlit's markdown, which would read links and pictures out of them.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

import streamlit as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ASSETS = Path(__file__).parent / "assets"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> str:
    """A template of app/assets with its values escaped."""
    return _environment().get_template(template).render(**values)


def show(template: str, **values: object) -> None:
    """Put a template on the page."""
    st.html(render(template, **values))


def style() -> None:
    """Our style sheet; takes no room on the page."""
    st.html(f"<style>{(_ASSETS / 'style.css').read_text(encoding='utf-8')}</style>")


def data_uri(picture: bytes, kind: str) -> str:
    """A picture as an address that holds it; `kind` is "png" or "svg+xml". In an img element no script runs."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
