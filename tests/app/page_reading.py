"""What a page in this process shows, as text."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]


def texts(page: AppTest) -> str:
    """All markup that our templates put on the page."""
    return "\n".join(element.proto.body for element in page.get("html"))
