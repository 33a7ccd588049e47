"""The command reference as Markdown, from the parser itself, so that it cannot drift from the program."""

from __future__ import annotations

import typer
from typer.main import get_command

from outcome.errors import EXIT_CODES

_HEAD = """# Commands

Generated from the program: `python -m outcome.cli.reference > docs/commands.md`. A test keeps it fresh.

Progress goes to stderr, results to stdout; with `--json` one JSON document stands on stdout and nothing else.

| exit code | meaning |
|---|---|
"""


def reference(app: typer.Typer) -> str:
    """Every command with its arguments, options and example."""
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    return f"{_HEAD}{codes}\n" + "".join(_sections(get_command(app), "outcome"))


def _sections(command, path: str) -> list[str]:  # type: ignore[no-untyped-def] # the parser's own command class
    children = getattr(command, "commands", None)
    if children:
        return [text for name, child in children.items() for text in _sections(child, f"{path} {name}")]
    lines = [f"\n## {path}\n", "\n".join(line.strip() for line in (command.help or "").splitlines()), ""]
    lines += [f"- `{_usage(parameter)}` {parameter.help or ''}".rstrip() for parameter in command.params]
    return ["\n".join(lines) + "\n"]


def _usage(parameter) -> str:  # type: ignore[no-untyped-def] # the parser's own parameter class
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    flag = ", ".join(parameter.opts)
    return (
        flag if getattr(parameter, "is_flag", False) else f"{flag} {parameter.metavar or str(parameter.name).upper()}"
    )


if __name__ == "__main__":
    from outcome.cli.main import app as program

    typer.echo(reference(program), nl=False)
