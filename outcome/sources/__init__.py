"""Where records come from: every format becomes one frame of raw text, read-only."""

from outcome.sources.tables import read_table

__all__ = ["read_table"]
