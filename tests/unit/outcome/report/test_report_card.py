"""The model card becomes a page's own headings, lists and bold words, and nothing it holds becomes markup."""

from __future__ import annotations

from outcome.report.card import card_html

CARD = """# Model card: A study

**Research use only.** Not a device.

- Learned from: 12 cases of `site_a`
- Procedure: <script>alert(1)</script>

## Endpoints
- **Death**: within 90 days
"""


def test_headings_lists_and_bold_words_are_drawn() -> None:
    html = card_html(CARD)
    assert "<h3>Endpoints</h3>" in html
    assert "<ul><li>Learned from: 12 cases of <code>site_a</code></li>" in html
    assert "<p><strong>Research use only.</strong> Not a device.</p>" in html
    assert not any(sign in html for sign in ("**", "##", "- "))


def test_the_card_s_own_title_is_left_to_the_page() -> None:
    assert "A study" not in card_html(CARD)


def test_what_stands_in_a_card_never_becomes_markup() -> None:
    assert "<script" not in card_html(CARD)
    assert "&lt;script&gt;" in card_html(CARD)


def test_no_card_is_no_text() -> None:
    assert card_html("") == ""
