"""`make bench`: run the commands that pages of results name, and put what they print in the place of what stood there.

    python -m benchmarks [docs/results/PAGE.md ...]

A section of a page has a heading, its command on a line of its own between backquotes, words, and after the line
`<!-- printed -->` what the command printed, up to the next heading. What needs real patients reads $OUTCOME_REAL_DATA
and keeps what stands there, by name, where that is unset. Exit code 1 where a command failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGES = (Path("docs/results/speed.md"), Path("docs/results/reliability.md"))
REAL = "$OUTCOME_REAL_DATA"
PRINTED = "<!-- printed -->\n"
COMMAND = re.compile(r"^`(python -m benchmarks\..+)`$", re.MULTILINE)


def main() -> int:
    pages = [Path(word) for word in sys.argv[1:]] or PAGES
    return max(refresh(page) for page in pages)


def refresh(page: Path) -> int:
    """Measure anew everything on a page; it is written after each section, for the next may take an hour."""
    sections = re.split(r"(?m)^(?=## )", page.read_text(encoding="utf-8"))
    failed = 0
    for number, section in enumerate(sections):
        named = COMMAND.search(section)
        if named is None or PRINTED not in section:
            continue
        command = named.group(1)
        if (REAL in command or "configs/" in command) and "OUTCOME_REAL_DATA" not in os.environ:
            print(f"{page}: not measured, OUTCOME_REAL_DATA is not set: {command}", flush=True)
            continue
        print(f"{page}: {command}", flush=True)
        body, good = _printed(command)
        failed += not good
        sections[number] = f"{section.partition(PRINTED)[0]}{PRINTED}\n{body}\n\n"
        page.write_text("".join(sections).rstrip() + "\n", encoding="utf-8")
    return 1 if failed else 0


def _printed(command: str) -> tuple[str, bool]:
    """What the command prints, and whether it ended well; what is no table stands as it is between fences."""
    words = command.replace(REAL, os.environ.get("OUTCOME_REAL_DATA", "")).split()
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
    said = done.stdout if done.returncode == 0 else done.stdout + done.stderr
    return (said if said.startswith("|") else f"```\n{said.strip()}\n```").strip(), done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
