"""What a command shows: progress on stderr, its result on stdout, or one JSON document and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from outcome.store import plain

_STYLES = {"reject": "bold red", "review": "yellow", "note": "dim"}


class Screen:
    """Where a command's words go. `as_json`: one JSON document on stdout. `quiet`: no progress."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet or as_json
        self.out = Console(soft_wrap=True, highlight=False)
        self.err = Console(stderr=True, soft_wrap=True, highlight=False)

    def result(self, document: Mapping[str, Any], show: Callable[[Screen], None]) -> None:
        """The command's result: the document as JSON, or `show` for a person."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(document), indent=1, ensure_ascii=False) + "\n")
        else:
            show(self)

    def line(self, text: str) -> None:
        self.out.print(escape(text))

    def note(self, text: str) -> None:
        if not self.quiet:
            self.err.print(escape(text))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
        table = Table(title=title or None, title_justify="left", header_style="bold")
        for name in header:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(escape(str(cell)) for cell in row))
        self.out.print(table)

    def overview(self, tables: Sequence[Mapping[str, Any]]) -> None:
        """What the models can do: one compact table a partition."""
        for table in tables:
            self.table(table["header"], table["rows"], title=f"{table['title']}\ncomparator: {table['comparator']}")
        for caption in {str(table["caption"]) for table in tables}:
            self.line(caption)

    def findings(self, findings: Iterable[Mapping[str, Any]]) -> None:
        """Findings, the most serious first, with at most eight case ids each."""
        order = list(_STYLES)
        for finding in sorted(findings, key=lambda f: order.index(f["level"])):
            cases = list(finding["case_ids"])
            named = f" [{len(cases)} cases: {', '.join(cases[:8])}{', …' if len(cases) > 8 else ''}]" if cases else ""
            style = _STYLES[finding["level"]]
            label = f"[{style}]{finding['level']:<6}[/] {escape(finding['code'])}"
            self.out.print(f"{label}: {escape(finding['message'])}{escape(named)}")

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """A bar a stage on stderr; the function yielded takes (stage, done, total)."""
        if self.quiet:
            yield lambda stage, done, total: None
            return
        columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.err, transient=False) as bars:
            tasks: dict[str, TaskID] = {}

            def update(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(stage, total=total)
                bars.update(tasks[stage], completed=done, total=total)

            yield update
