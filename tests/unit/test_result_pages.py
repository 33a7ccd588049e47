"""`make bench` puts what a command prints in the place of what stood there, and leaves a page's words alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import PAGES, PRINTED, refresh

PAGE = f"""# Results

Words.

## One

`python -m benchmarks.same_bytes --help`

Of this one.

{PRINTED}
old and gone

## Two

`python -m benchmarks.same_bytes --help`, told in words.

old and kept
"""


def test_a_page_keeps_its_words_and_gets_what_its_commands_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert refresh(page) == 0
    before, _, after = page.read_text().partition(PRINTED)
    assert before == PAGE.partition(PRINTED)[0]
    assert "usage: same_bytes.py" in after
    assert "gone" not in after
    assert after.endswith(PAGE.partition("old and gone\n\n")[2])


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("--help`\n", "--unknown`\n"))
    assert refresh(page) == 1
    assert "unrecognized arguments" in page.read_text()


def test_without_real_patients_their_table_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTCOME_REAL_DATA", raising=False)
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("--help`\n", "$OUTCOME_REAL_DATA/study.yaml`\n"))
    before = page.read_text()
    assert refresh(page) == 0
    assert page.read_text() == before


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_page_names_its_commands(page: Path) -> None:
    assert page.read_text(encoding="utf-8").count(PRINTED) > 2
