"""The report as a whole: self-contained, escaped, reproducible, and saying what must be said."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from outcome.report.validation_report import render_report

MAX_BYTES = 5_000_000
VOID = {"meta", "br", "img", "hr", "link", "input"}
EVIL = "<script>alert(1)</script>"


def report(metrics: dict[str, Any], **changes: Any) -> str:
    given = {
        "flow": [
            {"step": "table", "reason": "", "n_left": 140, "n_excluded": 0},
            {"step": "adults", "reason": EVIL, "n_left": 130, "n_excluded": 10},
        ],
        "findings": [{"code": "c", "level": "review", "message": EVIL, "case_ids": ["A"]}],
        "model_facts": {
            "bundle_id": "abc123",
            "hashes": {"manifest": "ff" * 32},
            "versions": {"numpy": "2.4"},
            "seed": 7,
        },
        "study": {"procedure": EVIL},
    }
    return render_report(metrics, **{**given, **changes})


class Balance(HTMLParser):
    """Collects anchors and ids, and fails where elements do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.ids += [facts["id"] or ""] if facts.get("id") else []
        href = facts.get("href") or ""
        self.targets += [href[1:]] if tag == "a" and href.startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()


def test_the_report_nests_and_every_link_of_the_contents_leads_somewhere(metrics: Any) -> None:
    page = Balance()
    page.feed(report(metrics))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    assert len(page.targets) >= 8


def test_the_report_loads_nothing_from_elsewhere(metrics: Any) -> None:
    text = report(metrics)
    outside = re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*|@import|url\((?!#)""", text)
    assert outside == []
    assert "<script" not in text
    assert len(text.encode()) < MAX_BYTES


def test_texts_from_the_study_are_escaped(metrics: Any) -> None:
    text = report(metrics)
    assert EVIL not in text
    assert text.count("&lt;script&gt;alert(1)") >= 3


def test_the_same_artefacts_give_the_same_bytes(metrics: Any) -> None:
    assert report(metrics) == report(copy.deepcopy(metrics))


def test_the_report_says_what_it_must(metrics: Any) -> None:
    text = report(metrics)
    for words in (
        "Research use only — not a medical device",
        "Any complication (within 30 days)",
        "development (out-of-fold)",
        "not external",
        "0.71 (0.62–0.79)",
        "no gain over tumour size claimed: the interval covers zero",
        "withheld: 7 events; at least 10 are needed",
        "chosen on development cases",
        "died: 3 of 90 (3 %)",
        "abc123",
        "sha256 of manifest",
        "version of numpy",
    ):
        assert words in text, words


def test_a_temporal_study_is_nowhere_called_external(metrics: Any) -> None:
    text = report(metrics)
    assert "external validation" not in text
    assert re.findall(r"(?<!not )\bexternal\b", text) == []


def test_an_empty_evaluation_still_gives_a_report() -> None:
    text = render_report({}, flow=[], findings=[], model_facts={}, study={})
    assert "No endpoint was evaluated" in text
    assert "The participant flow was not recorded" in text


@pytest.mark.parametrize("kind", ["time_to_event", "duration", "ordinal", "continuous"])
def test_every_kind_of_endpoint_has_a_section(metrics: Any, estimate: Any, kind: str) -> None:
    name = {"time_to_event": "harrell_c"}.get(kind, "concordance")
    endpoint = metrics["partitions"]["development"]["endpoints"]["complication"]
    endpoint |= {"kind": kind, "n_events": 23 if kind == "time_to_event" else None}
    endpoint["models"]["preoperative"]["metrics"] = {name: estimate(0.64, 0.5, 0.7), "mae": estimate(1.6, 1.2, 2.0)}
    text = report(metrics)
    assert "0.64 (0.50–0.70)" in text
    assert ("1.60 (1.20–2.00) days" in text) == (kind == "duration")


def test_the_study_s_notes_lead_the_report_and_are_escaped(metrics: Any) -> None:
    study = {"notes": [f"The plan is what was done. {EVIL}"]}
    text = render_report(metrics, flow=[], findings=[], model_facts={}, study=study)
    assert EVIL not in text
    assert 0 < text.index("The plan is what was done.") < text.index("What was predicted.")
