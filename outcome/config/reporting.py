"""What no program can know of a study and its reader must: free text for checklists, model card and report."""

from __future__ import annotations

from pydantic import Field

from outcome.config.model import Model


def _text(description: str) -> str:
    field: str = Field(default="", max_length=4000, description=description)
    return field


class Reporting(Model):
    """Statements in the study's own words; every one is optional, and what is left out is listed as missing."""

    abstract: str = _text("a structured summary of the study")
    rationale: str = _text("the clinical context and why this model is made or evaluated; existing models")
    intended_use: str = _text("what the model is for, and where in the care pathway")
    intended_users: str = _text("who reads the risk")
    must_not_be_used_for: str = _text("uses that are ruled out")
    inequalities: str = _text("known health inequalities between groups of these patients")
    objectives: str = _text("what the study was to find out")
    data_source: str = _text("where the data come from, why these, and whom they represent")
    design: str = _text("kind of study: prospective or looking back; cohort, registry, trial, routine care")
    dates: str = _text("first and last operation, end of follow-up")
    setting: str = _text("kind, number and place of hospitals")
    eligibility: str = _text("whom the table holds, before the program's own inclusion criteria")
    treatments: str = _text("treatments that patients received, and how that was dealt with")
    data_preparation: str = _text("what was done to the data before the program read them, and their checking")
    outcome_assessment: str = _text("how, when and by which rule outcomes were found, and why these outcomes")
    outcome_assessors: str = _text("who judged outcomes that need judgement")
    blinding: str = _text("who judged outcomes or predictors without knowing the other")
    predictor_choice: str = _text("why these predictors were offered to the model")
    predictor_assessment: str = _text("how and when predictors were measured")
    predictor_assessors: str = _text("who judged predictors that need judgement, such as images")
    sample_size: str = _text("why there are as many patients as there are")
    missing_data: str = _text("why values are missing, and whom that left out")
    fairness: str = _text("what was done for fairness between groups, and why")
    ethics: str = _text("committee, approval number, consent or its waiver")
    funding: str = _text("who paid, and what part they had")
    conflicts: str = _text("conflicts of interest of the authors")
    protocol_access: str = _text("where the protocol can be read, or that there was none")
    registration: str = _text("register and number, or that it was not registered")
    data_access: str = _text("whether and how the data can be had")
    code_access: str = _text("whether and how code and model can be had")
    patient_involvement: str = _text("what part patients and public had, or none")
    follow_up: str = _text("how long patients were followed")
    interpretation: str = _text("what the results mean, beside earlier studies, and for whom they may not hold")
    limitations: str = _text("what weakens the study")
    input_quality: str = _text("what to do with poor or absent inputs when the model is used")
    user_interaction: str = _text("what users have to do and to know")
    next_steps: str = _text("what should be studied next")
    developer: str = _text("who made the model")
    contact: str = _text("whom to ask")
    publications: str = _text("where model or study were published")
