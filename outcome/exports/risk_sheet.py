"""A statement as one page for people: what is predicted, of whom, by which model, and what it is not for."""

from __future__ import annotations

from markupsafe import Markup

from outcome.exports.statement import INTERVAL, Statement
from outcome.report.pdf import write_pdf

_STYLE = """
@page { size: A4; margin: 20mm;
  @bottom-center { content: "Research use only; not for clinical decisions"; font-size: 9pt } }
body { font-family: sans-serif; font-size: 10pt } h1 { font-size: 15pt }
.warning { border: 1px solid #900; color: #900; padding: 3mm } table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #999; padding: 1.5mm; text-align: left; vertical-align: top } .note { color: #555 }
"""
_PAGE = Markup(
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>'
    '<body><h1>{title}</h1><p class="warning">{warning}</p><p>{facts}</p><table><thead><tr><th>What</th>'
    "<th>Predicted ({interval})</th></tr></thead><tbody>{rows}</tbody></table></body></html>"
)
_ROW = Markup('<tr><td>{title}<div class="note">{notes}</div></td><td>{words}</td></tr>')


def risk_sheet(statement: Statement) -> bytes:
    """The page as PDF; the same statement gives the same bytes. Raises Refusal where no PDF can be made here."""
    return write_pdf(sheet_html(statement))


def sheet_html(statement: Statement) -> str:
    """The page as HTML, everything escaped."""
    rows = Markup("").join(
        _ROW.format(title=one.title, notes=" ".join(one.notes), words=one.words) for one in statement.predictions
    )
    facts = f"{statement.title or statement.study} · bundle {statement.bundle_id} · {statement.program}"
    return str(
        _PAGE.format(
            title=f"Predicted risks, case {statement.case_id}", style=Markup(_STYLE), facts=facts, rows=rows,
            warning=" ".join(f"{text}." for text in statement.warnings), interval=INTERVAL,
        )
    )  # fmt: skip
