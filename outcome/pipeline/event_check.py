"""Are there events enough for a network? Told before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

from outcome.cohort.endpoints import endpoint_target
from outcome.cohort.types import Cohort
from outcome.config import Study
from outcome.training.adequacy import network_warning, too_few_for_network
from outcome.training.settings import NetworkSettings
from outcome.types import EndpointKind, Finding, Level

DEVELOPMENT = "development"


def event_findings(study: Study, cohort: Cohort) -> Iterator[Finding]:
    """One finding for each endpoint whose network would learn from few events, or is left out for it."""
    if not study.image_blocks or "fusion" not in study.training.families:
        return
    network = NetworkSettings(**study.training.network.model_dump())
    parts = [name for name, part in study.partitions.items() if part.relation == DEVELOPMENT]
    ids = cohort.cases.loc[cohort.cases["partition"].isin(parts), "case_id"].tolist()
    for name, endpoint in study.endpoints.items():
        kind = EndpointKind(endpoint.kind)
        if not ids or not network.offered_for(name, kind):
            continue
        target = endpoint_target(cohort.endpoints, name, kind, ids)
        refused, warning = too_few_for_network(target, network.min_events), network_warning(target)
        if refused:
            yield Finding("network_left_out", Level.NOTE, f"{name}: {refused}")
        elif warning:
            yield Finding("few_events_for_network", Level.REVIEW, f"{name}: {warning}")
