"""What was predicted, for whom, how well, and what that cannot show: one self-contained HTML page.

Nothing is loaded from anywhere: style and figures stand in the page. The same artefacts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from outcome.report.card import card_html
from outcome.report.entries import horizons
from outcome.report.figures import flow_svg
from outcome.report.masks import mask_groups
from outcome.report.numbers import count, events_text, horizon_words
from outcome.report.sections import partition_sections
from outcome.report.tables import (
    OVERVIEW_HEADER,
    finding_rows,
    flow_rows,
    overview_rows,
    withheld_rows,
)
from outcome.report.wording import BANNER, can_show, partition_title

Json = Mapping[str, Any]
_HASHES, _VERSIONS = "hashes", "versions"


def render_report(
    metrics: Json, *, flow: Sequence[Json], findings: Sequence[Json], model_facts: Json, study: Json
) -> str:
    """The report as one HTML document.

    `metrics`: `metrics.json`; `flow`, `findings`, `study`: the cohort stage's `flow.json`, `findings.json` and
    `study.json` (docs/store.md), the last with `model_card` where there is one. `model_facts`: what is known of the
    model, every key optional: `bundle_id`, `ladder` (`train/ladder.json`), `hashes` {name: sha256}, `versions`
    {library: version}; any other name with a plain value is printed as it stands.
    """
    steps = flow_rows(flow)
    figure = flow_svg(steps, "Participant flow")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            banner=BANNER,
            title=str(metrics.get("title") or study.get("title") or metrics.get("study") or "Study"),
            study=str(metrics.get("study") or study.get("name") or ""),
            procedure=str(study.get("procedure") or ""),
            notes=[str(note) for note in study.get("notes") or ()],
            model_card=card_html(str(study.get("model_card") or "")),
            predicted=_predicted(metrics),
            groups=_groups(metrics),
            flow=steps,
            flow_figure=Markup(figure) if figure else None,
            overview_header=OVERVIEW_HEADER,
            overview=overview_rows(metrics),
            withheld=withheld_rows(metrics),
            masks=mask_groups(metrics),
            partitions=partition_sections(metrics, model_facts.get("ladder") or {}),
            findings=finding_rows(findings),
            provenance=provenance_rows(metrics, model_facts),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("outcome.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["groupby_in_order"] = groupby_in_order
    return environment


def groupby_in_order(rows: Iterable[Any], attribute: str) -> list[tuple[Any, list[Any]]]:
    """Neighbouring rows with the same attribute together, in their order (jinja's own groupby sorts)."""
    return [(key, list(group)) for key, group in groupby(rows, key=attrgetter(attribute))]


def _predicted(metrics: Json) -> list[str]:
    """Each endpoint once: its label with its horizon."""
    found: dict[str, str] = {}
    for partition in (metrics.get("partitions") or {}).values():
        for name, endpoint in (partition.get("endpoints") or {}).items():
            found.setdefault(name, f"{endpoint.get('label') or name} ({horizon_words(horizons(endpoint))})")
    return list(found.values())


def _groups(metrics: Json) -> list[dict[str, str]]:
    """For each group of cases: who, how many, events by endpoint, and what its numbers can show."""
    return [
        {
            "title": partition_title(name, partition),
            "n": count(partition.get("n")),
            "can_show": can_show(partition),
            "events": "; ".join(_events(key, e) for key, e in (partition.get("endpoints") or {}).items()),
        }
        for name, partition in (metrics.get("partitions") or {}).items()
    ]


def _events(name: str, endpoint: Json) -> str:
    return f"{endpoint.get('label') or name} {events_text(endpoint.get('n'), endpoint.get('n_events'))}"


def provenance_rows(metrics: Json, model_facts: Json) -> list[tuple[str, str]]:
    """What made these numbers: bundle, software, hashes, library versions; as name and value."""
    rows = [
        ("bundle", str(model_facts.get("bundle_id") or metrics.get("bundle_id") or "none")),
        ("evaluated by", str(metrics.get("created_by") or "not recorded")),
        ("metrics format", f"version {metrics.get('schema_version', 'not recorded')}"),
    ]
    known = {"bundle_id", "ladder", _HASHES, _VERSIONS}
    rows += [(_words(key), str(value)) for key, value in model_facts.items() if key not in known and _is_plain(value)]
    rows += [(f"sha256 of {name}", str(value)) for name, value in (model_facts.get(_HASHES) or {}).items()]
    rows += [(f"version of {name}", str(value)) for name, value in (model_facts.get(_VERSIONS) or {}).items()]
    return rows


def _words(key: str) -> str:
    return key.replace("_", " ")


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float))
