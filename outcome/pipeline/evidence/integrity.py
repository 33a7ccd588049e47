"""Is this evaluation what it says it is? What was checked of model, cases, thresholds, history and protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from outcome.pipeline.evidence.history import History, taken
from outcome.pipeline.evidence.scene import Scene
from outcome.pipeline.overlap import FILE, learned_from
from outcome.pipeline.protocol import Protocol, adopted_protocol, deviations
from outcome.store import MANIFEST

PASSED, WARNING, FAILED, NOT_CHECKED = "passed", "warning", "failed", "not_checked"
_DEVELOPMENT = "development"


@dataclass(frozen=True)
class Check:
    """One check with its result: `status` is passed, warning, failed or not_checked; `message` says what was found."""

    check: str
    status: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"check": self.check, "status": self.status, "message": self.message}


@dataclass(frozen=True, eq=False)
class Audited:
    """What the checks look at: the scene, its predictions, what came before, and the protocol with its deviations."""

    scene: Scene
    predictions: pd.DataFrame
    history: History
    protocol: Protocol | None
    deviations: tuple[str, ...]

    @property
    def new_cases(self) -> pd.DataFrame:
        """The evaluated cases that no model may have been learned from."""
        return self._cases(development=False)

    @property
    def development_cases(self) -> pd.DataFrame:
        return self._cases(development=True)

    def _cases(self, development: bool) -> pd.DataFrame:
        partitions = self.scene.run.study.partitions.items()
        names = [name for name, part in partitions if (part.relation == _DEVELOPMENT) is development]
        return self.scene.cases[self.scene.cases["partition"].isin(names)]


def integrity(scene: Scene, predictions: pd.DataFrame) -> dict[str, Any]:
    """The part `integrity` of metrics.json (docs/store.md); notes this look in the store's record."""
    protocol = adopted_protocol(scene.run.store, scene.bundle.id)
    deviating = () if protocol is None else tuple(deviations(protocol, scene.bundle, scene.run.study))
    audited = Audited(scene, predictions, taken(scene, protocol), protocol, deviating)
    found = [check for question in CHECKS if (check := question(audited)) is not None]
    return {
        "checks": [check.to_json() for check in found],
        "evaluations": audited.history.to_json(),
        "protocol": _protocol_json(protocol, deviating),
    }


def _protocol_json(protocol: Protocol | None, deviating: tuple[str, ...]) -> dict[str, Any]:
    if protocol is None:
        return {}
    return {
        "sha256": protocol.sha256,
        "fixed_at": protocol.fixed_at,
        "agrees": not deviating,
        "deviations": list(deviating),
    }


def bundle_verified(audited: Audited) -> Check:
    """Reading a bundle verifies it; a damaged one never comes this far."""
    bundle = audited.scene.bundle
    words = f"every byte of its {len(bundle.files)} files is as the manifest of bundle {bundle.id} says"
    return Check("frozen model unchanged", PASSED, words)


def nothing_fitted(audited: Audited) -> Check | None:
    """Predictions of new cases must all come from the frozen bundle."""
    if audited.new_cases.empty:
        return None
    rows = audited.predictions[audited.predictions["case_id"].isin(audited.new_cases.index)]
    strange = int((rows["source"] != "bundle").sum())
    name = "nothing fitted to the new cases"
    if strange:
        words = f"{strange} of {len(rows)} predictions of new cases do not come from the frozen model"
        return Check(name, FAILED, words)
    trained = (audited.scene.run.store.stage("train") / MANIFEST).exists()
    where = "the model was learned in this store, from development cases alone" if trained else "no training ran here"
    return Check(name, PASSED, f"all {len(rows)} predictions of new cases come from the frozen model; {where}")


def out_of_fold(audited: Audited) -> Check | None:
    """A development case's prediction must come from a model that did not see its patient."""
    if audited.development_cases.empty:
        return None
    rows = audited.predictions[audited.predictions["case_id"].isin(audited.development_cases.index)]
    seen = int((rows["source"] != "out_of_fold").sum())
    name = "development cases out-of-fold"
    if seen:
        words = f"{seen} of {len(rows)} predictions come from a model that has seen these cases and flatter it"
        return Check(name, FAILED, words)
    words = f"all {len(rows)} predictions of development cases come from models that did not see the patient"
    return Check(name, PASSED, words)


def no_overlap(audited: Audited) -> Check | None:
    """New cases must not be of patients the model was learned from."""
    cases, name = audited.new_cases, "no development patient among the new cases"
    if cases.empty:
        return None
    if FILE not in audited.scene.bundle.files:
        return Check(name, NOT_CHECKED, "the bundle does not say from which patients it was learned")
    learned = len(audited.scene.bundle.json(FILE)["sha256"])
    shared = int(learned_from(audited.scene.bundle, cases["patient_id"]).sum())
    by = "patient identifiers" if audited.scene.run.study.patient_id else "case identifiers, as no patient is named"
    how = f"compared by salted hashes of {by}; a patient under another identifier would not be found"
    if shared:
        return Check(name, FAILED, f"{shared} of {len(cases)} cases are of patients the model was learned from ({how})")
    return Check(name, PASSED, f"none of {len(cases)} cases is of the {learned} patients learned from ({how})")


def thresholds_from_bundle(audited: Audited) -> Check:
    """No threshold is chosen on the cases that it is judged on; development cases took part in choosing theirs."""
    units = audited.scene.model.units.values()
    count = sum(unit.procedure is not None and unit.procedure.threshold is not None for unit in units)
    words = f"{count} decision threshold(s) and all cut points come from the bundle; none was chosen here"
    if count and not audited.development_cases.empty:
        return Check(
            "thresholds set beforehand",
            WARNING,
            f"{words}; development cases took part in choosing the thresholds, so numbers at them are not independent",
        )
    return Check("thresholds set beforehand", PASSED, words)


def patients_once(audited: Audited) -> Check:
    """Intervals take cases as independent."""
    cases, name = audited.scene.cases, "each patient once"
    if audited.scene.run.study.patient_id is None:
        return Check(name, NOT_CHECKED, "the study names no patient: every case counts as a patient of its own")
    repeats = len(cases) - cases["patient_id"].nunique()
    if repeats:
        return Check(
            name, WARNING, f"{repeats} of {len(cases)} cases are further ones of a patient: intervals too narrow"
        )
    return Check(name, PASSED, f"{len(cases)} cases of as many patients")


def first_look(audited: Audited) -> Check:
    """Whoever tries many models on the same cases and reports the best one flatters it."""
    history, name = audited.history, "how often these data were evaluated"
    if audited.new_cases.empty:
        words = f"model number {history.number} on these development cases in this store; no case is independent of it"
        return Check(name, NOT_CHECKED, words)
    if history.number == 1:
        words = "no other model was evaluated on these very cases and outcomes in this store"
        return Check(name, PASSED, f"{words}; other stores are not known here")
    models = ", ".join(dict.fromkeys(look.bundle_id for look in history.earlier))
    words = f"model number {history.number} on these very cases and outcomes in this store, after {models}"
    return Check(name, WARNING, f"{words}: the best of several looks better than it is")


def protocol_kept(audited: Audited) -> Check:
    """What is judged should be fixed before anybody opens the data."""
    name, protocol = "protocol fixed beforehand", audited.protocol
    if protocol is None:
        return Check(name, NOT_CHECKED, "no protocol was handed over: nothing says what was to be judged beforehand")
    found = []
    if audited.history.looked_before_protocol:
        found.append("these data had been evaluated in this store before it first saw the protocol")
    if audited.deviations:
        found.append(f"{len(audited.deviations)} deviation(s) from it, listed below")
    words = f"protocol {protocol.sha256[:12]} says it was fixed at {protocol.fixed_at}"
    if found:
        return Check(name, WARNING, f"{words}; {'; '.join(found)}")
    return Check(name, PASSED, f"{words}; this evaluation keeps to it")


CHECKS: tuple[Callable[[Audited], Check | None], ...] = (
    bundle_verified,
    nothing_fitted,
    out_of_fold,
    no_overlap,
    thresholds_from_bundle,
    patients_once,
    first_look,
    protocol_kept,
)


def table_integrity(names_cases: bool, identical_rows: int, *, thresholds: int) -> dict[str, Any]:
    """The same part for a table of predictions made elsewhere, where almost nothing can be checked.

    `names_cases`: whether the table has a case_id (a repeated one is refused before); `identical_rows`: how many rows
    repeat another one in every column; `thresholds`: how many were stated.
    """
    once = _rows_once(names_cases, identical_rows)
    stated = "stated by who asked; a table cannot show when it was set" if thresholds else "none was stated"
    elsewhere = "the model was made elsewhere; nothing is known of it here"
    found = [
        Check("frozen model unchanged", NOT_CHECKED, elsewhere),
        Check("nothing fitted to the new cases", NOT_CHECKED, f"nothing is fitted here; {elsewhere}"),
        Check("no development patient among the new cases", NOT_CHECKED, elsewhere),
        Check("thresholds set beforehand", NOT_CHECKED, stated),
        once,
        Check("how often these data were evaluated", NOT_CHECKED, "a table alone has no store that could remember"),
        Check("protocol fixed beforehand", NOT_CHECKED, "a table alone has no protocol"),
    ]
    return {"checks": [check.to_json() for check in found], "evaluations": {}, "protocol": {}}


def _rows_once(names_cases: bool, identical_rows: int) -> Check:
    name = "each patient once"
    if names_cases:
        return Check(name, PASSED, "each case_id stands once")
    if identical_rows:
        words = f"the table names no case, and {identical_rows} row(s) repeat another one in every column"
        return Check(name, WARNING, f"{words}; cases counted twice make intervals too narrow")
    return Check(name, NOT_CHECKED, "the table names no case; no row repeats another one in every column")
