"""What reporting standards ask, and whether the report says it: TRIPOD+AI and PROBAST+AI."""

from outcome.report.checklists.facts import ReportFacts
from outcome.report.checklists.page import checklists_html
from outcome.report.checklists.rules import ChecklistRow, checklist

__all__ = ["ChecklistRow", "ReportFacts", "checklist", "checklists_html"]
