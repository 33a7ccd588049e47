"""Are there events enough for what each rung has to learn? Said in plain words beside the rung, after counting alone.

Regressions: the cases that Riley et al. 2019, doi:10.1002/sim.7992, and 2020, doi:10.1136/bmj.m441, advise for as many
parameters as there are columns after encoding; Nagelkerke's R² is taken as 0.15, as they advise where nothing is known,
and never as seen here. That is for models without a penalty: ours have one, so the number is a warning, no bar.
Trees and networks: the criteria do not apply. Flexible ways of modelling needed more than 200 events per variable to
show little optimism (van der Ploeg, Austin & Steyerberg 2014, doi:10.1186/1471-2288-14-137). For a network, whose
parameters outnumber any study's cases, 200 events in all are advised: the least that this program asks, no theorem.
Durations, grades and amounts have no criterion here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from outcome.evaluation.planning.sample_size import (
    MODEST,
    FollowUp,
    SizeNeeded,
    development_size,
    development_size_survival,
    expected_shrinkage,
    largest_cox_snell,
    largest_cox_snell_survival,
)
from outcome.models.network.fit_record import fit_records
from outcome.training.calibration import informative_cases
from outcome.training.procedure import FittedProcedure, RungFit
from outcome.training.rungs import Rung
from outcome.training.settings import NETWORK, NetworkSettings
from outcome.types import EndpointKind, Target

ADVISED = 200  # events for a network
REGRESSIONS = ("logistic", "cox", "fine_gray")
TREES = ("forest", "boosting")
COUNTED = {EndpointKind.BINARY: "cases with the rarer outcome", EndpointKind.TIME_TO_EVENT: "events"}


def offered(rungs: Sequence[Rung], target: Target, network: NetworkSettings) -> tuple[tuple[Rung, ...], str]:
    """The rungs that may be fitted to these outcomes, and why the network, alone or in a stack, is not there."""
    reason = too_few_for_network(target, network.min_events) if any(map(_learns_network, rungs)) else ""
    return tuple(rung for rung in rungs if not reason or not _learns_network(rung)), reason


def _learns_network(rung: Rung) -> bool:
    return any(one.algorithm == NETWORK for one in (rung, *rung.bases))


def too_few_for_network(target: Target, least: int | None) -> str:
    """Why no network is fitted, where the study names the least number of events and there are fewer; else ""."""
    found = informative_cases(target.take(target.known))
    if least is None or found >= least:
        return ""
    return f"no network: {found} {_counted(target)}; training.network.min_events asks for at least {least}"


def network_warning(target: Target) -> str:
    """What to say before a network learns from few events; "" where there are as many as advised."""
    found = informative_cases(target.take(target.known))
    if found >= ADVISED:
        return ""
    return (
        f"The network learns from {found} {_counted(target)}; at least {ADVISED} are advised. "
        "What it gains over the simpler rungs may be chance."
    )


def with_notes(
    ladder: dict[str, Any], procedure: FittedProcedure, target: Target, horizons_days: Sequence[float], refused: str
) -> dict[str, Any]:
    """The ladder with a `note` beside each rung; `not_offered` and `warnings` where there is something to say."""
    known, fits = target.take(target.known), {fit.rung.name: fit for fit in procedure.rungs}
    rows = [{**row, "note": _full_note(fits[row["rung"]], known, horizons_days)} for row in ladder["rungs"]]
    has_network = any(fit.rung.algorithm == NETWORK for fit in procedure.rungs)
    records = [record for fit in procedure.rungs for record in fit_records(fit.model.scorer)]
    said = [text for record in records for text in record.warnings()]
    warnings = [text for text in (refused, network_warning(target) if has_network else "", *said) if text]
    told = {"warnings": warnings} if warnings else {}
    return {**ladder, "rungs": rows, **({"not_offered": refused} if refused else {}), **told}


def _full_note(fit: RungFit, target: Target, horizons_days: Sequence[float]) -> str:
    told = (text for record in fit_records(fit.model.scorer) for text in record.sentences())
    return " ".join(text for text in (_note(fit, target, horizons_days), *told) if text)


def _note(fit: RungFit, target: Target, horizons_days: Sequence[float]) -> str:
    columns = len(fit.preprocessor.outputs)
    if fit.rung.algorithm == NETWORK:
        enough = f"{informative_cases(target)} {_counted(target)}, as many as advised ({ADVISED})."
        return f"Sample-size criteria do not apply to networks. {network_warning(target) or enough}"
    if fit.rung.algorithm in TREES:
        return (
            f"Sample-size criteria do not apply to trees; more than 200 events per column may be needed. Here: "
            f"{informative_cases(target)} {_counted(target)}, {_columns(columns)}."
        )
    return _of_regression(columns, target, horizons_days) if columns and fit.rung.algorithm in REGRESSIONS else ""


def _of_regression(columns: int, target: Target, horizons_days: Sequence[float]) -> str:
    events = target.n_events or 0
    needed, r2 = _needed(columns, target, horizons_days)
    advised = f"{needed.n:,} cases with {math.ceil(needed.events):,} events are advised"
    here = (
        f"{_columns(columns)}: {advised} (Nagelkerke R² of {MODEST:g} assumed); here {len(target):,} with {events:,}."
    )
    if len(target) >= needed.n:
        return here
    if len(target) <= columns:
        return f"{here} There are no more cases than columns: only the penalty makes a model possible."
    slope = expected_shrinkage(len(target), r2, columns)
    return f"{here} Without a penalty a calibration slope of about {slope:.2f} would be expected of new cases."


def _needed(columns: int, target: Target, horizons_days: Sequence[float]) -> tuple[SizeNeeded, float]:
    """(what is advised, the Cox-Snell R² assumed)"""
    events = target.n_events or 0
    if target.kind is EndpointKind.BINARY:
        prevalence = events / len(target)
        r2 = MODEST * largest_cox_snell(prevalence)
        return development_size(r2, columns, prevalence), r2
    total = float(target.time_days.sum())
    follow_up = FollowUp(events / total, max(horizons_days), total / len(target))
    r2 = MODEST * largest_cox_snell_survival(follow_up)
    return development_size_survival(r2, columns, follow_up), r2


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _counted(target: Target) -> str:
    return COUNTED.get(target.kind, "cases")
