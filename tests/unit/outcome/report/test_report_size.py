"""However many groups and endpoints there are, the page stays small and says what it left out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from evidence_parts import MODEL, number

from outcome.report.pieces import Detail, Drawing, Items, Table, html
from outcome.report.validation_report import MAX_BYTES, render_report

VARIABLES, GROUPS, ENDPOINTS = 60, 10, 12


def crowded(metrics: dict[str, Any]) -> dict[str, Any]:
    endpoints = metrics["partitions"]["development"]["endpoints"]
    names = [(f"variable {v}", f"group {g}") for v in range(VARIABLES) for g in range(GROUPS)]
    model = endpoints["complication"]["models"]["preoperative"] | MODEL
    model["subgroups"] = [
        {"variable": v, "group": g, "n": 50, "n_events": 9, "metrics": {"auroc": number()}} for v, g in names
    ]
    model["subgroup_analysis"] = {
        "family": "all", "partial_pooling": [], "fairness": [],
        "interaction_tests": [{"variable": v, "metric": "auroc", "groups": ["a"], "p_value": 0.5, "holm": 1.0,
                               "benjamini_hochberg": 1.0} for v, _ in names],
        "gaps": [{"variable": v, "group": g, "metric": "auroc", "scale": "identity", "difference": number(),
                  "detectable": 0.2} for v, g in names],
    }  # fmt: skip
    endpoints["complication"]["models"] = {"preoperative": model}
    for place in range(1, ENDPOINTS):
        endpoints[f"e{place}"] = copy.deepcopy(endpoints["complication"]) | {"label": f"Endpoint {place}"}
    return metrics


@pytest.mark.slow
def test_sixty_variables_of_ten_groups_at_twelve_endpoints_stay_below_the_limit(metrics: Any) -> None:
    page = render_report(crowded(metrics), flow=[], findings=[], model_facts={}, study={})
    assert len(page.encode()) <= MAX_BYTES
    assert "rows. metrics.json holds everything" in page
    assert "Endpoint 11" in page


def test_a_cut_table_names_the_number_of_rows_left_out() -> None:
    table = Table(("a", "b"), tuple((str(row), "x") for row in range(10)))
    text = html((table,), Detail(rows=3))
    assert text.count('<th scope="row">') == 3
    assert "7 rows" in text
    assert "Left out" not in html((table,), Detail(rows=10))


def test_a_cut_list_and_a_dropped_figure_say_so() -> None:
    assert "2 items" in html((Items(("a", "b", "c")),), Detail(rows=1))
    figure = Drawing("<svg></svg>", "caption")
    assert "1 figure" in html((figure,), Detail(rows=1, all_figures=False))
    kept = Drawing("<svg></svg>", "caption", repeats=False)
    assert "<svg>" in html((kept,), Detail(rows=1, all_figures=False))
    assert "<svg>" not in html((kept,), Detail(rows=1, all_figures=False, any_figures=False))
