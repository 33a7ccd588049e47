"""The `outcome` program: one command a stage, and what goes round them (docs/commands.md)."""

from outcome.cli.main import app, main

__all__ = ["app", "main"]
