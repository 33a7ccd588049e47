"""How many cases a rung would need, worked out by hand, and when a network is warned of or left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation.planning.sample_size import FollowUp, largest_cox_snell, largest_cox_snell_survival
from outcome.pipeline.event_check import event_findings
from outcome.training.adequacy import network_warning, offered, too_few_for_network, with_notes
from outcome.training.rungs import Rung
from outcome.training.settings import NetworkSettings
from outcome.types import EndpointKind, Target

REGRESSION = Rung("clinical", "logistic", ({"penalty": 0.1},), 1, ("clinical",))
FOREST = Rung("random forest", "forest", ({"trees": 5.0},), 4, ("clinical",))
NETWORK = Rung("fusion network", "network", ({"epochs": 1.0},), 6, ("clinical",))


def yes_no(events: int, others: int, unknown: int = 0) -> Target:
    return Target.binary("e", [1.0] * events + [0.0] * others + [np.nan] * unknown)


def notes(rung: Rung, columns: int, target: Target, days: tuple[float, ...] = (), refused: str = "") -> dict[str, Any]:
    silent = SimpleNamespace(scorer=SimpleNamespace())  # a scorer that has nothing to tell of its fit
    fit = SimpleNamespace(rung=rung, preprocessor=SimpleNamespace(outputs=(None,) * columns), model=silent)
    procedure: Any = SimpleNamespace(rungs=(fit,))
    return with_notes({"rungs": [{"rung": rung.name, "mean": 0.7}]}, procedure, target, days, refused)


def note(rung: Rung, columns: int, target: Target, days: tuple[float, ...] = ()) -> str:
    return str(notes(rung, columns, target, days)["rungs"][0]["note"])


def test_the_largest_cox_snell_of_a_half_is_three_quarters() -> None:
    """1 - exp(2 · ln 0.5); of times with one event in two cases 1 - exp(2 · (0.5 ln 0.5 - 0.5))."""
    assert largest_cox_snell(0.5) == pytest.approx(0.75)
    assert largest_cox_snell_survival(FollowUp(0.25, 1, 2)) == pytest.approx(1 - 0.5 / np.e)


def test_one_column_at_a_prevalence_of_a_half_needs_what_the_overall_risk_needs() -> None:
    """R² = 0.15 · 0.75: shrinkage asks for 75 cases, optimism for 25, the overall risk for (1.96 / 0.05)² / 4 = 385."""
    found = note(REGRESSION, 1, yes_no(50, 50, unknown=7))
    assert found.startswith("1 column: 385 cases with 193 events are advised")
    assert "here 100 with 50." in found
    assert "calibration slope of about 0.9" in found


def test_ten_columns_need_what_little_shrinkage_needs() -> None:
    """10 / (0.1 · -ln(1 - 0.1125 / 0.9)) = 748.9; at 800 cases nothing is to be added."""
    found = note(REGRESSION, 10, yes_no(400, 400))
    assert (
        found == "10 columns: 749 cases with 375 events are advised (Nagelkerke R² of 0.15 assumed); here 800 with 400."
    )
    assert "no more cases than columns" in note(REGRESSION, 120, yes_no(60, 60))


def test_times_are_counted_by_their_events() -> None:
    target = Target.survival("e", np.full(100, 500.0), [1.0] * 30 + [2.0] * 10 + [0.0] * 60)
    found = note(Rung("clinical", "cox", ({"penalty": 0.1},), 1, ("clinical",)), 4, target, (365.0,))
    assert "here 100 with 30." in found


def test_trees_and_networks_have_no_criterion() -> None:
    assert "do not apply to trees" in note(FOREST, 5, yes_no(30, 170))
    assert "30 cases with the rarer outcome, 5 columns" in note(FOREST, 5, yes_no(170, 30))
    few = notes(NETWORK, 5, yes_no(30, 170))
    assert few["warnings"] == [network_warning(yes_no(30, 170))]
    assert "30 cases with the rarer outcome; at least 200 are advised" in few["warnings"][0]
    assert few["rungs"][0]["mean"] == 0.7
    enough = notes(NETWORK, 5, yes_no(200, 300))
    assert "warnings" not in enough
    assert "as many as advised" in enough["rungs"][0]["note"]
    assert "warnings" not in notes(REGRESSION, 5, yes_no(30, 170))


def test_amounts_have_no_criterion() -> None:
    empty = np.full(50, np.nan)
    target = Target("e", EndpointKind.DURATION, np.arange(50.0), empty, empty)
    assert note(Rung("clinical", "linear", ({"penalty": 0.1},), 1, ("clinical",)), 4, target) == ""


def test_a_network_is_left_out_below_the_least_that_the_study_names() -> None:
    """29 of the rarer outcome: left out at 30, fitted at 29 and where nothing is named."""
    target, rungs = yes_no(29, 100, unknown=40), (REGRESSION, NETWORK)
    kept, reason = offered(rungs, target, NetworkSettings(min_events=30))
    assert kept == (REGRESSION,)
    assert "29 cases with the rarer outcome; training.network.min_events asks for at least 30" in reason
    assert notes(REGRESSION, 2, target, refused=reason)["not_offered"] == reason
    for settings in (NetworkSettings(min_events=29), NetworkSettings()):
        assert offered(rungs, target, settings) == (rungs, "")
    assert offered((REGRESSION,), target, NetworkSettings(min_events=30)) == ((REGRESSION,), "")
    assert "9 events" in too_few_for_network(Target.survival("e", np.ones(20), [1.0] * 9 + [2.0] * 11), 10)


def study(least: int | None = None, families: tuple[str, ...] = ("ridge", "fusion")) -> Any:
    network = SimpleNamespace(model_dump=lambda: {"min_events": least})
    parts = {"here": SimpleNamespace(relation="development"), "later": SimpleNamespace(relation="temporal")}
    return SimpleNamespace(
        image_blocks=("ct",), training=SimpleNamespace(families=families, network=network), partitions=parts,
        endpoints={"leak": SimpleNamespace(kind="binary"), "stay": SimpleNamespace(kind="duration")},
    )  # fmt: skip


def test_check_tells_of_few_events_among_development_cases_alone() -> None:
    ids = [f"c{i}" for i in range(600)]
    value = [1.0] * 300 + [0.0] * 300
    endpoints = pd.DataFrame({"case_id": ids, "endpoint": "leak", "value": value, "time_days": np.nan, "event": np.nan})
    here = {i: "here" if i < 40 or i >= 300 else "later" for i in range(600)}
    cohort: Any = SimpleNamespace(
        cases=pd.DataFrame({"case_id": ids, "partition": list(here.values())}), endpoints=endpoints
    )
    (found,) = event_findings(study(), cohort)
    assert (found.code, found.level.value) == ("few_events_for_network", "review")
    assert found.message.startswith("leak: The network learns from 40 cases with the rarer outcome")
    (left_out,) = event_findings(study(least=41), cohort)
    assert left_out.code == "network_left_out"
    assert list(event_findings(study(families=("ridge",)), cohort)) == []
