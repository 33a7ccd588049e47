"""The XML card is well-formed, in the schema's form and order, and the same for the same facts, whatever is written."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.report.chai import NAMESPACE, chai_xml
from outcome.report.checklists import ReportFacts
from tests.whole_report import whole_report

METRIC = ("MetricGoal", "Result", "Interpretation", "TestType", "TestingDataDescription",
          "ValidationProcessAndJustification")  # fmt: skip
# name: what stands below it, in the order of the schema v0.1; None is text, and "?" marks what may be left out
FORM: dict[str, Any] = {
    "BasicInfo": dict.fromkeys(("ModelName", "ModelDeveloper", "DeveloperContact")),
    "ReleaseInfo": dict.fromkeys(
        ("ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability", "RegulatoryApproval?")
    ),
    "ModelSummary": {"Summary": None, "Keywords": "Keyword"},
    "UsesAndDirections": dict.fromkeys(
        ("IntendedUseAndWorkflow", "PrimaryIntendedUsers", "HowToUse", "TargetedPatientPopulation",
         "CautionedOutOfScopeSettings")),
    "Warnings": dict.fromkeys(("KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel")),
    "TrustIngredients": {
        "AISystemFacts": dict.fromkeys(
            ("OutcomesAndOutputs", "ModelType", "FoundationModels?", "InputDataSource", "OutputAndInputDataTypes",
             "DevelopmentDataCharacterization", "BiasMitigationApproaches", "OngoingMaintenance", "Security?",
             "Transparency?")),
        "TransparencyInformation": dict.fromkeys(("FundingSource", "ThirdPartyInformation?", "StakeholdersConsulted")),
    },
    "KeyMetrics": {name: dict.fromkeys(METRIC)
                   for name in ("UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability")},
    "Resources": dict.fromkeys(
        ("EvaluationReferences?", "ClinicalTrial?", "PeerReviewedPublications", "ReimbursementStatus?",
         "PatientConsentOrDisclosure")),
    "Bibliography": None,
}  # fmt: skip


def local(element: ElementTree.Element) -> str:
    assert element.tag.startswith(f"{{{NAMESPACE}}}")
    return element.tag.rpartition("}")[2]


def check(element: ElementTree.Element, form: Any) -> None:
    if form is None:
        assert len(element) == 0
        assert (element.text or "").strip()
    elif isinstance(form, str):
        assert {local(child) for child in element} <= {form}
    else:
        names = [local(child) for child in element]
        required = [name for name in form if not name.endswith("?")]
        assert names == [name.rstrip("?") for name in form if name in required or name.rstrip("?") in names]
        for child in element:
            check(child, form.get(local(child), form.get(f"{local(child)}?")))


def parsed(facts: ReportFacts) -> ElementTree.Element:
    document = chai_xml(facts)
    assert document.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    root = ElementTree.fromstring(document.decode("utf-8").encode("utf-8"))
    assert local(root) == "AppliedModelCard"
    return root


def test_the_card_has_the_schema_s_form_with_and_without_content() -> None:
    check(parsed(whole_report()), FORM)
    check(parsed(ReportFacts(lambda _: False)), FORM)


def test_an_element_too_many_or_out_of_order_is_seen() -> None:
    root = parsed(whole_report())
    root[0].insert(0, root[0][1])
    try:
        check(root, FORM)
    except AssertionError:
        return
    raise AssertionError("the check of the form sees nothing")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=40))
def test_any_text_gives_a_well_formed_card_that_says_it(text: str) -> None:
    facts = whole_report()
    facts.bundle_study["reporting"]["intended_use"] = f"use {text} end"
    facts.bundle_study["title"] = f"title {text}"
    root = parsed(facts)
    check(root, FORM)
    found = root.find(f".//{{{NAMESPACE}}}IntendedUseAndWorkflow")
    assert found is not None
    said = found.text or ""
    assert said.startswith("use ")
    assert said.endswith(" end")
    assert chai_xml(facts) == chai_xml(facts)


def test_a_tag_in_a_text_stays_a_text() -> None:
    facts = whole_report()
    facts.bundle_study["reporting"]["intended_use"] = "</IntendedUseAndWorkflow><Evil/>&]]>\x00\x0b"
    found = parsed(facts).find(f".//{{{NAMESPACE}}}IntendedUseAndWorkflow")
    assert found is not None
    assert found.text == "</IntendedUseAndWorkflow><Evil/>&]]>\ufffd\ufffd".replace("\ufffd\ufffd", "\ufffd")
