"""The checklists as a reader sees them: what is said, then one table an instrument with counts on top."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from outcome.report.checklists.facts import ReportFacts
from outcome.report.checklists.rules import INSTRUMENTS, PHASES, STATUSES, ChecklistRow, checklist
from outcome.report.checklists.statements import AT_DEVELOPMENT, DECLARED, HERE, METHOD, Statement, statements

_KINDS = {
    HERE: "What the study states",
    AT_DEVELOPMENT: "What the study that the model was learned from states",
    DECLARED: "What study file and bundle say",
    METHOD: "How it was done",
}
_INTRODUCTION = (
    "Each item is answered from this page: reported where its content stands here, missing where it does not. A "
    "signalling question is answered only by whether a reviewer finds what is needed: whether there is a risk of "
    "bias is for the reviewer to judge. The items are paraphrased; the published wording counts."
)
_SOURCES = {
    "tripod": "Collins et al. BMJ 2024, doi:10.1136/bmj-2023-078378",
    "probast": "Moons et al. BMJ 2025, doi:10.1136/bmj-2024-082505",
}
_HEADER = Markup(
    '<thead><tr><th scope="col">No.</th><th scope="col">For</th><th scope="col">Asks</th>'
    '<th scope="col">Status</th><th scope="col">Where, or what to add</th></tr></thead>'
)


def checklists_html(facts: ReportFacts) -> Markup:
    """Statements and both checklists as the body of one section; everything from outside is escaped."""
    blocks = [Markup('<p class="muted">{}</p>').format(_INTRODUCTION)]
    blocks += [_instrument(name, checklist(name, facts)) for name in INSTRUMENTS]
    return Markup("\n").join([*blocks, statements_html(statements(facts))])


def counts_words(rows: Sequence[ChecklistRow]) -> str:
    """ "31 reported, 9 missing, 12 not applicable"."""
    return ", ".join(f"{sum(row.status == status for row in rows)} {status}" for status in STATUSES)


def statements_html(said: Sequence[Statement]) -> Markup:
    """Every statement under its anchor, folded by kind."""
    blocks = []
    for kind, members in groupby(said, key=lambda each: each.anchor.partition("-")[0]):
        terms = Markup("").join(_statement(each) for each in members)
        blocks.append(
            Markup('<h3 id="statements-{}">{}</h3>\n<dl class="statements">{}</dl>').format(kind, _KINDS[kind], terms)
        )
    return Markup("\n").join(blocks)


def _statement(each: Statement) -> Markup:
    lines = [line for line in each.lines if line.strip()]
    if len(lines) == 1:
        body = Markup("<p>{}</p>").format(lines[0])
    else:
        body = Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(line) for line in lines))
    return Markup('<dt id="{}">{}</dt><dd>{}</dd>').format(each.anchor, each.label, body)


def _instrument(name: str, rows: Sequence[ChecklistRow]) -> Markup:
    body = Markup("").join(_section(title, list(members)) for title, members in groupby(rows, key=lambda r: r.section))
    return Markup(
        '<h3 id="checklist-{}">{}</h3>\n<p><b>{}</b> <span class="muted">({})</span></p>\n'
        '<div class="scroll" tabindex="0" role="region" aria-label="{}"><table class="checklist">{}<tbody>{}</tbody>'
        "</table></div>"
    ).format(name, INSTRUMENTS[name], counts_words(rows), _SOURCES[name], INSTRUMENTS[name], _HEADER, body)


def _section(title: str, rows: Sequence[ChecklistRow]) -> Markup:
    head = Markup('<tr class="group"><th scope="rowgroup" colspan="5">{}</th></tr>').format(title)
    return head + Markup("").join(_row(row) for row in rows)


def _row(row: ChecklistRow) -> Markup:
    links = Markup(", ").join(Markup('<a href="#{}">{}</a>').format(a, _link_words(a)) for a in row.links)
    where = Markup(". ").join(part for part in (links, Markup("{}").format(row.note)) if part)
    return Markup(
        '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td class="status-{}">{}</td><td>{}</td></tr>'
    ).format(row.number, PHASES[row.phase], row.asks, row.status.replace(" ", "-"), _status(row), where)


def _status(row: ChecklistRow) -> Markup:
    return Markup("<b>{}</b>" if row.status == "missing" else "{}").format(row.status)


def _link_words(anchor: str) -> str:
    """ "funding", or "funding (development)" where it is the other study's."""
    kind, _, name = anchor.partition("-")
    if kind in (HERE, DECLARED, METHOD):
        return name.replace("-", " ")
    return f"{name.replace('-', ' ')} ({kind})" if kind == AT_DEVELOPMENT and name else anchor.replace("-", " ")
