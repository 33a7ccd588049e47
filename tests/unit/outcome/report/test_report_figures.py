"""Figures: stable bytes, own ids, nothing drawn that was not given."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from outcome.report.entries import model_entries
from outcome.report.figures import calibration_svg, decision_svg, flow_svg, forest_svg, ladder_svg
from outcome.report.tables import (
    ladder_rows,
    subgroup_rows,
)

STEPS = [("table", "", "96", "0"), ("adults & more", "under <18> $x$ years", "92", "4")]


DECISIONS = {
    "threshold": [0.1, 0.2, 0.3], "model": [0.2, 0.15, 0.0], "low": [0.15, 0.1, None], "high": [0.25, 0.2, None],
    "treat_all": [0.19, 0.1, -0.04], "definition": "net benefit",
}  # fmt: skip


def figures(metrics: Any) -> dict[str, str | None]:
    entry = next(model_entries(metrics))
    return {
        "calibration": calibration_svg(
            entry.model["calibration_curve"], entry.model["risk_histogram"], "Calibration: x"
        ),
        "forest": forest_svg(subgroup_rows(entry), entry.model["metrics"]["auroc"], 0.5, "AUC: subgroups"),
        "ladder": ladder_svg(ladder_rows(entry), 0.5, "AUC: ladder"),
        "decision": decision_svg(DECISIONS, "Net benefit: x"),
        "flow": flow_svg(STEPS, "Flow"),
    }


def test_every_figure_is_well_formed_and_named(metrics: Any) -> None:
    for name, svg in figures(metrics).items():
        root = ElementTree.fromstring(svg or "")
        assert root.tag.endswith("svg"), name
        assert root.attrib["role"] == "img"
        assert root[0].tag.endswith("title")


def test_a_figure_drawn_twice_is_the_same_text(metrics: Any) -> None:
    assert figures(metrics) == figures(metrics)


def test_figures_side_by_side_share_no_ids(metrics: Any) -> None:
    ids = [i for svg in figures(metrics).values() for i in set(re.findall(r'\bid="([^"]+)"', svg or ""))]
    assert len(ids) == len(set(ids))


def test_every_reference_inside_a_figure_is_defined(metrics: Any) -> None:
    for svg in figures(metrics).values():
        used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg or ""))
        assert used <= set(re.findall(r'\bid="([^"]+)"', svg or ""))


def test_figures_carry_no_date_and_style_nothing_outside_themselves(metrics: Any) -> None:
    for svg in figures(metrics).values():
        assert "<style" not in (svg or "")
        assert "<metadata" not in (svg or "")


def test_words_are_drawn_as_they_are() -> None:
    svg = flow_svg(STEPS, "Flow") or ""
    assert "adults &amp; more: 92 cases" in svg
    assert "&lt;18&gt; $x$ years" in svg


def test_nothing_given_draws_nothing() -> None:
    assert calibration_svg(None, None, "t") is None
    assert decision_svg(None, "t") is None
    assert decision_svg({**DECISIONS, "low": [None] * 3, "high": [None] * 3}, "t") is None
    assert forest_svg([], None, 0.5, "t") is None
    assert ladder_svg([], 0.5, "t") is None
    assert flow_svg([], "t") is None


def test_a_withheld_subgroup_is_written_out_and_not_drawn(metrics: Any) -> None:
    svg = figures(metrics)["forest"] or ""
    assert svg.count(">withheld<") == 1


@pytest.mark.parametrize(
    "curve",
    [
        {"risk": [0.2, None], "observed": [0.1, 0.4]},
        {"kind": "groups", "risk": [0.2, 0.4], "observed": [0.1, 0.4]},
        {},
        None,
    ],
)
def test_a_curve_without_band_or_points_is_still_drawn(curve: Any) -> None:
    assert calibration_svg(curve, {"edges": [0, 1], "events": [3], "non_events": [4]}, "t")


def test_groups_are_points_with_intervals_and_never_joined() -> None:
    curve = {"risk": [0.2, 0.6], "observed": [0.1, 0.7], "low": [0.05, 0.5], "high": [0.3, 0.9]}
    groups = calibration_svg({**curve, "kind": "groups"}, None, "t") or ""
    line = calibration_svg({**curve, "kind": "spline"}, None, "t") or ""
    assert "risk groups, 95 %" in groups
    assert "95 % band" not in groups
    assert "95 % band" in line
