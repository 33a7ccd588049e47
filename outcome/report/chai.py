"""The model card as XML in the form of the Coalition for Health AI's applied model card, schema v0.1.

https://mc.chai.org/v0.1/schema.xsd (draft of 2024): the elements and their order are the schema's. What is unknown is
said to be; nothing is left empty, and nothing here claims an approval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from outcome.report.checklists.facts import ReportFacts
from outcome.report.entries import ModelEntry, all_metrics, model_entries
from outcome.report.hazards import hazard_log
from outcome.report.model_card import LIMITS, NOT_FOR, NOTICE, clear_gaps, gap_text, stated
from outcome.report.model_words import (
    development_lines,
    endpoints_words,
    inclusion_words,
    input_lines,
    model_lines,
    output_lines,
    threshold_lines,
)
from outcome.report.numbers import format_estimate
from outcome.report.wording import inputs_words, metric_of, partition_title

NAMESPACE = "https://mc.chai.org/v0.1/schema.xsd"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_EVALUATED = "Not evaluated: no measured performance stands in this card."
Tree = Mapping[str, Any]  # name: text, lines, or a tree below it; a list of pairs where a name repeats

_USEFUL = ("net_benefit",)
_SAFE = ("oe_ratio", "slope", "ici", "brier", "mae")


def chai_xml(facts: ReportFacts) -> bytes:
    """The applied model card as UTF-8 XML; equal facts give equal bytes."""
    root = ElementTree.Element(f"{{{NAMESPACE}}}AppliedModelCard")
    for name, part in PARTS.items():
        _add(root, name, part(facts))
    ElementTree.indent(root)
    document = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True, default_namespace=NAMESPACE)
    return bytes(document) + b"\n"


def _add(parent: ElementTree.Element, name: str, content: Any) -> None:
    element = ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if isinstance(content, Mapping):
        for child, below in content.items():
            _add(element, child, below)
    elif isinstance(content, tuple):  # the same name again and again
        for child, below in content:
            _add(element, child, below)
    else:
        element.text = text_of(content)


def text_of(content: str | Iterable[str]) -> str:
    """A text, or one line an item, without the characters that XML cannot hold."""
    lines = [content] if isinstance(content, str) else list(content)
    return _NOT_XML.sub("\ufffd", "\n".join(" ".join(str(line).split()) for line in lines)) or "none recorded"


def _title(facts: ReportFacts) -> str:
    return str(facts.bundle_study.get("title") or facts.study.get("title") or "model without a title")


def _basic(facts: ReportFacts) -> Tree:
    return {
        "ModelName": _title(facts),
        "ModelDeveloper": stated(facts, "developer"),
        "DeveloperContact": stated(facts, "contact"),
    }


def _release(facts: ReportFacts) -> Tree:
    program = (facts.bundle.get("facts") or {}).get("program") or "program not recorded"
    return {
        "ReleaseStage": NOTICE,
        "ReleaseDate": "not recorded: equal work gives equal files, which a date would break",
        "ReleaseVersion": f"bundle {facts.bundle.get('id') or 'not named'}, {program}",
        "GlobalAvailability": stated(facts, "code_access"),
        "RegulatoryApproval": "none",
    }


def _summary(facts: ReportFacts) -> Tree:
    procedure = facts.bundle_study.get("procedure") or "procedure not stated"
    endpoints = endpoints_words(facts.bundle_study)
    return {
        "Summary": [f"Risks of outcomes of surgery ({procedure}) from what is known before it.", *endpoints],
        "Keywords": (("Keyword", "surgery"), ("Keyword", "risk prediction"), ("Keyword", str(procedure))),
    }


def _uses(facts: ReportFacts) -> Tree:
    must_not = facts.development_says.get("must_not_be_used_for")
    return {
        "IntendedUseAndWorkflow": stated(facts, "intended_use"),
        "PrimaryIntendedUsers": stated(facts, "intended_users"),
        "HowToUse": stated(facts, "user_interaction"),
        "TargetedPatientPopulation": [
            f"Procedure: {facts.bundle_study.get('procedure') or 'not stated'}",
            *(f"Included: {criterion}" for criterion in inclusion_words(facts.bundle_study)),
        ],
        "CautionedOutOfScopeSettings": [*NOT_FOR, *([must_not] if must_not else [])],
    }


def _warnings(facts: ReportFacts) -> Tree:
    seen = [f"{hazard.hazard}: {hazard.seen}" for hazard in hazard_log(facts) if hazard.seen]
    return {
        "KnownRisksAndLimitations": [*LIMITS, stated(facts, "limitations"), *seen],
        "KnownBiasesOrEthicalConsiderations": [stated(facts, "inequalities"), stated(facts, "ethics")],
        "ClinicalRiskLevel": "not rated: research use only",
    }


def _trust(facts: ReportFacts) -> Tree:
    bundle, study = facts.bundle, facts.bundle_study
    ladder, says = bundle.get("ladder") or {}, facts.development_says
    return {
        "AISystemFacts": {
            "OutcomesAndOutputs": [*output_lines(study), *threshold_lines(study, ladder)],
            "ModelType": model_lines(study, ladder),
            "FoundationModels": "none",
            "InputDataSource": says.get("data_source") or stated(facts, "data_source"),
            "OutputAndInputDataTypes": input_lines(bundle.get("columns") or ()),
            "DevelopmentDataCharacterization": development_lines(study, bundle.get("reference") or {}),
            "BiasMitigationApproaches": stated(facts, "fairness"),
            "OngoingMaintenance": _maintenance(facts),
            "Security": "a closed list of files with sha256, verified on every load; nothing in it can run",
            "Transparency": "the whole model travels with its preprocessing, calibration and thresholds",
        },
        "TransparencyInformation": {
            "FundingSource": stated(facts, "funding"),
            "StakeholdersConsulted": stated(facts, "patient_involvement"),
        },
    }


def _maintenance(facts: ReportFacts) -> list[str]:
    updates = [f"updated on {e.get('study')}, parent {e.get('parent_id')}" for e in facts.bundle.get("updates") or ()]
    return updates or ["never updated; nothing watches the model in use"]


def _metrics(facts: ReportFacts) -> Tree:
    return {
        "UsefulnessUsabilityEfficacy": _metric(
            facts, "Rank patients by risk, and do more good than acting on all or on nobody", _results(facts, _USEFUL)
        ),
        "FairnessEquity": _metric(facts, "Do as well in each named group as in all others", _gaps(facts)),
        "SafetyReliability": _metric(
            facts, "Risks that are right on average and neither too extreme nor too mild", _results(facts, _SAFE, False)
        ),
    }


def _metric(facts: ReportFacts, goal: str, results: Iterator[str]) -> Tree:
    return {
        "MetricGoal": goal,
        "Result": (list(results) or ["No number was given."]) if facts.partitions else _NOT_EVALUATED,
        "Interpretation": stated(facts, "interpretation"),
        "TestType": [partition_title(name, part) for name, part in facts.partitions.items()] or _NOT_EVALUATED,
        "TestingDataDescription": facts.says.get("data_source") or "not stated (`reporting.data_source`)",
        "ValidationProcessAndJustification": (
            "The frozen model is applied to cases it has not seen; development cases are predicted out of fold. "
            "Intervals are of 95 %; numbers that rest on fewer than 10 events are withheld."
        ),
    }


def _results(facts: ReportFacts, names: tuple[str, ...], primary: bool = True) -> Iterator[str]:
    for entry in model_entries(facts.metrics):
        metrics = all_metrics(entry.model, entry.endpoint.get("horizon_days"))
        wanted = [n for n in metrics if n.partition("@")[0].removesuffix("_t") in names]
        for name in dict.fromkeys([*([entry.metric] if primary else []), *wanted]):
            metric, label = metric_of(name)
            yield f"{_place(entry)}: {label} {format_estimate(metrics.get(name), decimals=metric.decimals)}"


def _gaps(facts: ReportFacts) -> Iterator[str]:
    for entry in model_entries(facts.metrics):
        for gap in clear_gaps((entry.model.get("subgroup_analysis") or {}).get("gaps") or ()):
            label = metric_of(str(gap.get("metric")))[1]
            yield f"{_place(entry)}: {gap.get('variable')} {gap.get('group')} differs in {label} by {gap_text(gap)}"
    yield "Where no gap is named none was shown; small groups may hide one."


def _place(entry: ModelEntry) -> str:
    title = partition_title(entry.partition_name, entry.partition)
    return f"{title}, {entry.label}, {inputs_words(entry.inputs)} inputs"


def _resources(facts: ReportFacts) -> Tree:
    return {
        "EvaluationReferences": "report.html, metrics.json and hazard_log.md beside this file",
        "ClinicalTrial": stated(facts, "registration"),
        "PeerReviewedPublications": stated(facts, "publications"),
        "ReimbursementStatus": "none",
        "PatientConsentOrDisclosure": stated(facts, "ethics"),
    }


def _bibliography(_: ReportFacts) -> str:
    return (
        "TRIPOD+AI, doi:10.1136/bmj-2023-078378; PROBAST+AI, doi:10.1136/bmj-2024-082505; "
        "Coalition for Health AI, applied model card v0.1, https://mc.chai.org"
    )


PARTS: Mapping[str, Any] = {
    "BasicInfo": _basic,
    "ReleaseInfo": _release,
    "ModelSummary": _summary,
    "UsesAndDirections": _uses,
    "Warnings": _warnings,
    "TrustIngredients": _trust,
    "KeyMetrics": _metrics,
    "Resources": _resources,
    "Bibliography": _bibliography,
}
