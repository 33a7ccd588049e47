"""Stages at work on a study: how its work is spread, what is applied to it, and what is shown of it at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outcome.bundle import read_bundle
from outcome.cli.screen import Screen
from outcome.config import Study
from outcome.errors import EXIT_OK
from outcome.executor import Workers
from outcome.pipeline.device import checked_device, checked_processes
from outcome.pipeline.harmonising import refuse_without_harmonising
from outcome.pipeline.outlines import refuse_more_than_kept
from outcome.pipeline.protocol import Protocol, adopt_protocol, deviations, read_protocol
from outcome.pipeline.quarantine import listed
from outcome.pipeline.run import STAGE_RUNNERS, overview, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import Run, StageResult
from outcome.pipeline.validate import adopt_bundle


@dataclass(frozen=True)
class How:
    """How work is spread, where networks compute, and how many processes train one together."""

    workers: Workers
    device: str
    processes: int = 1


@dataclass(frozen=True)
class Frozen:
    """The bundle that is applied, the protocol that was fixed for it, with how many cases a new site enters, and how
    many other outlines stand behind the range of a risk."""

    bundle: Path
    protocol: Protocol | None = None
    entering: int = 0
    outlines: int = 0

    def adopt(self, run: Run) -> None:
        """Bundle and protocol into the store, before any case is read."""
        refuse_more_than_kept(run.study, self.outlines)
        refuse_without_harmonising(read_bundle(self.bundle), self.entering)
        adopt_bundle(run, self.bundle)
        if self.protocol is not None:
            adopt_protocol(run.store, self.protocol)


def protocol_for(path: Path, bundle: Path, study: Study, screen: Screen) -> Protocol:
    """The protocol, compared with what is about to be done before any case is read."""
    fixed = read_protocol(path, bundle)
    for words in deviations(fixed, read_bundle(bundle), study):
        screen.note(f"deviation from the protocol: {words}")
    return fixed


def spread(workers: int, scheduler: str | None, device: str, processes: int = 1, seconds: float | None = None) -> How:
    """As the command line asks; `seconds`: the most a case may take. Raises UsageError or DataRefusal where that cannot
    be had."""
    asked = Workers(workers, scheduler, seconds)
    return How(asked, checked_device(device), checked_processes(processes, scheduler, device))


def work(
    study: Study, store: Path, stages: Sequence[str], how: How, screen: Screen, frozen: Frozen | None = None
) -> int:
    """Do these stages, show how they ended, and give back the exit code."""
    command = " ".join(stages)
    with (
        screen.progress() as progress,
        open_run(
            study,
            store,
            command=command,
            workers=how.workers,
            progress=progress,
            device=how.device,
            processes=how.processes,
        ) as run,  # fmt: skip
    ):
        if frozen is not None:
            frozen.adopt(run)
            run = replace(run, harmonise_with=frozen.entering, outlines=frozen.outlines)
        results = run_stages(run, [STAGE_RUNNERS[stage] for stage in stages])
        document = {
            "study": study.name,
            "store": str(store),
            "stages": [r.to_json() for r in results],
            "quarantined": [case for case in listed(run.ledger) if case["case_id"] in _failed(results)],
            **overview(run, stages),
        }
    code = max((result.exit_code for result in results), default=EXIT_OK)
    screen.result({"status": "ok" if code == EXIT_OK else "some failed", "exit_code": code, **document},
                  lambda s: _show(s, results, document))  # fmt: skip
    return code


def _failed(results: Sequence[StageResult]) -> set[str]:
    return {case for result in results for case in result.failed}


def _show(screen: Screen, results: Sequence[StageResult], document: dict[str, Any]) -> None:
    rows = [(r.stage, r.status, _counts(r), f"{r.seconds:.1f} s") for r in results]
    screen.table(["stage", "status", "counts", "time"], rows, title=f"study {document['study']}")
    for result in results:
        for case, reason in result.failed.items():
            screen.line(f"failed in {result.stage}: {case}: {reason}")
        for unit, warnings in result.counts.get("warnings", {}).items():
            screen.line(f"warning in {result.stage}: {unit}: {' '.join(warnings)}")
    for case in document["quarantined"]:
        screen.line(f"quarantined in {case['stage']}: {case['case_id']} ({case['tries']})")
    if document["quarantined"]:
        screen.line(f"to try them again: outcome quarantine release {document['store']}")
    screen.overview(document.get("tables", ()))
    for name in ("bundle", "predictions", "report"):
        if document.get(name):
            screen.line(f"{name}: {document[name]}")
    if document.get("report"):
        screen.line(f"dashboard: outcome dashboard --store {document['store']}")


def _counts(result: StageResult) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.counts.items() if isinstance(value, (int, float, str)))
