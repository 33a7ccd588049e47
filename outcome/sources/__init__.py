"""Where records come from: every format becomes one frame of raw text, read-only."""

from outcome.sources.reading import Reading
from outcome.sources.tables import read_record, read_table

__all__ = ["Reading", "read_record", "read_table"]
