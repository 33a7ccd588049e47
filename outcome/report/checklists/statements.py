"""What stands on the page beside the numbers: the studies' own statements, what they declare, and how it was done.

Every statement has an anchor and is there only where it has content: a checklist can then point at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from outcome.report.checklists.facts import ReportFacts
from outcome.report.checklists.methods import METHODS
from outcome.report.model_words import (
    characteristic_lines,
    development_lines,
    endpoints_words,
    inclusion_words,
    input_lines,
    input_sets,
    model_lines,
    output_lines,
    threshold_lines,
)
from outcome.report.numbers import count, events_text
from outcome.report.wording import can_show, inputs_words, partition_title, rung_words

HERE, AT_DEVELOPMENT, DECLARED, METHOD = "says", "development", "declared", "method"
FIELDS: Mapping[str, str] = {
    "abstract": "Abstract",
    "rationale": "Context and reason",
    "intended_use": "Intended use",
    "intended_users": "Intended users",
    "must_not_be_used_for": "Not to be used for",
    "inequalities": "Known health inequalities",
    "objectives": "Objectives",
    "data_source": "Source of the data",
    "design": "Design",
    "dates": "Dates",
    "setting": "Setting",
    "eligibility": "Who is in the table",
    "treatments": "Treatments",
    "data_preparation": "Preparation of the data",
    "outcome_assessment": "How outcomes were found",
    "outcome_assessors": "Who judged outcomes",
    "blinding": "Blinding",
    "predictor_choice": "Choice of predictors",
    "predictor_assessment": "How predictors were measured",
    "predictor_assessors": "Who judged predictors",
    "sample_size": "Size of the study",
    "missing_data": "Missing data",
    "fairness": "Fairness",
    "ethics": "Ethics",
    "funding": "Funding",
    "conflicts": "Conflicts of interest",
    "protocol_access": "Protocol",
    "registration": "Registration",
    "data_access": "Access to the data",
    "code_access": "Access to code and model",
    "patient_involvement": "Patients and public",
    "follow_up": "Follow-up",
    "interpretation": "Interpretation",
    "limitations": "Limitations",
    "input_quality": "Poor or absent inputs",
    "user_interaction": "What users do",
    "next_steps": "Next steps",
    "developer": "Developer",
    "contact": "Contact",
    "publications": "Publications",
}


@dataclass(frozen=True)
class Statement:
    """One text with its anchor: `lines` is one paragraph, or a list."""

    anchor: str
    label: str
    lines: tuple[str, ...]


def statements(facts: ReportFacts) -> tuple[Statement, ...]:
    """Everything that is said, in the order of the page; nothing without content."""
    found = [*_own(facts), *_development(facts), *_declared(facts), *_methods(facts)]
    return tuple(each for each in found if any(line.strip() for line in each.lines))


def anchor_of(kind: str, name: str) -> str:
    """ "says-missing-data" for ("says", "missing_data")."""
    return f"{kind}-{name.replace('_', '-')}"


def _own(facts: ReportFacts) -> list[Statement]:
    return [Statement(anchor_of(HERE, name), FIELDS.get(name, name), (text,)) for name, text in facts.says.items()]


def _development(facts: ReportFacts) -> list[Statement]:
    """The bundle's statements, where they are another study's."""
    if not facts.elsewhere:
        return []
    told = facts.development_says.items()
    return [Statement(anchor_of(AT_DEVELOPMENT, name), FIELDS.get(name, name), (text,)) for name, text in told]


def _declared(facts: ReportFacts) -> list[Statement]:
    made = ((name, label, tuple(lines(facts))) for name, (label, lines) in DECLARATIONS.items())
    return [Statement(anchor_of(DECLARED, name), label, lines) for name, label, lines in made if lines]


def _methods(facts: ReportFacts) -> list[Statement]:
    if not facts.bundle_study.get("training"):
        return []
    return [Statement(anchor_of(METHOD, name), label, (text(facts),)) for name, (label, text) in METHODS.items()]


def _study(facts: ReportFacts) -> Sequence[str]:
    title, patients, predicted = facts.study.get("title"), facts.study.get("procedure"), endpoints_words(facts.study)
    if not (title and patients and predicted and facts.partitions):
        return []
    done = "Development and evaluation" if facts.shows_development else "Evaluation"
    return [f"{done} of a prediction model: {title}. Patients: {patients}. Predicted: {'; '.join(predicted)}."]


def _objective(facts: ReportFacts) -> Sequence[str]:
    return [f"{partition_title(name, part)}: {can_show(part)}" for name, part in facts.partitions.items()]


def _evidence(facts: ReportFacts) -> Sequence[str]:
    """Partitions whose numbers are not apparent: the model had not seen these cases."""
    honest = {n: p for n, p in facts.partitions.items() if p.get("relation") != "development" or _held_out(p)}
    return [f"{partition_title(name, part)}, {count(part.get('n'))} cases" for name, part in honest.items()]


def _held_out(partition: Mapping[str, object]) -> bool:
    return partition.get("source") == "out_of_fold"


def _split(facts: ReportFacts) -> Sequence[str]:
    parts = facts.bundle_study.get("partitions") or {}
    return [f"{partition_title(name, {**part, 'source': 'out_of_fold'})}" for name, part in parts.items()]


def _numbers(facts: ReportFacts) -> Sequence[str]:
    lines = [f"Learned from: {line}" for line in development_lines(facts.bundle_study, _reference(facts))]
    for name, _, endpoint in facts.endpoints():
        title = partition_title(name, facts.partitions[name])
        known = events_text(endpoint.get("n"), endpoint.get("n_events"))
        lines.append(f"Evaluated on {title}, {endpoint.get('label')}: {known}")
    return lines


def _subgroups(facts: ReportFacts) -> Sequence[str]:
    return [str(group.get("label") or group.get("variable")) for group in facts.study.get("subgroups") or ()]


def _images(facts: ReportFacts) -> Sequence[str]:
    recipe = facts.bundle.get("recipe") or {}
    if not recipe:
        return []
    drawn = "handed over" if recipe.get("segmenter") == "given" else f"drawn by the network {recipe.get('segmenter')}"
    unit = "mm" if recipe.get("units_mm", True) else "no mm: no voxel spacing was published"
    return [f"Regions {', '.join(recipe.get('regions') or ())}; masks are {drawn}; measured: "
            f"{', '.join(recipe.get('families') or ())}; {unit}"]  # fmt: skip


def _updates(facts: ReportFacts) -> Sequence[str]:
    lines = []
    for entry in facts.bundle.get("updates") or ():
        done = "; ".join(f"{name}: {_update(unit)}" for name, unit in (entry.get("units") or {}).items())
        where = f"Updated on {entry.get('study')} ({entry.get('n')} cases), parent {entry.get('parent_id')}"
        lines.append(f"{where}: {done}")
    return lines


def _update(unit: Mapping[str, object]) -> str:
    return f"untested, {unit['untouched']}" if unit.get("untouched") else str(unit.get("rung") or "not recorded")


def _access(facts: ReportFacts) -> Sequence[str]:
    if not facts.bundle.get("id"):
        return []
    made = facts.bundle.get("facts") or {}
    return [f"The full model is the bundle {facts.bundle['id']} ({made.get('program') or 'program not recorded'}): "
            "every coefficient or tree, preprocessing, calibration and thresholds, as files without pickles; "
            "`outcome predict BUNDLE STUDY.yaml` applies it to new cases"]  # fmt: skip


def _reference(facts: ReportFacts) -> Mapping[str, object]:
    return facts.bundle.get("reference") or {}


def _rungs(facts: ReportFacts) -> Sequence[str]:
    ladder = facts.bundle.get("ladder") or {}
    if ladder:
        return model_lines(facts.bundle_study, ladder)
    used = {(key, inputs): str(m.get("rung") or "") for _, key, inputs, m in facts.models() if m.get("rung")}
    return [f"{key.replace('_', ' ')}, {inputs_words(i)}: {rung_words(rung)}" for (key, i), rung in used.items()]


Lines = Callable[[ReportFacts], Sequence[str]]
DECLARATIONS: Mapping[str, tuple[str, Lines]] = {
    "study": ("What this is", _study),
    "objective": ("What it can show", _objective),
    "inclusion": ("Who was included", lambda facts: inclusion_words(facts.study)),
    "split": ("How the cases were parted", _split),
    "evidence": ("Evaluated on cases the model had not seen", _evidence),
    "numbers": ("Cases and events in each analysis", _numbers),
    "inputs": ("Inputs", lambda facts: input_lines(facts.bundle.get("columns") or ())),
    "input_sets": ("Input sets", lambda facts: input_sets(facts.bundle.get("ladder") or {})),
    "images": ("From image to numbers", _images),
    "characteristics": ("Development cases", lambda facts: characteristic_lines(
        facts.bundle.get("columns") or (), _reference(facts))),
    "outputs": ("Outputs", lambda facts: output_lines(facts.bundle_study)),
    "thresholds": ("Thresholds", lambda facts: threshold_lines(facts.bundle_study, facts.bundle.get("ladder") or {})),
    "model": ("Models and their choice", _rungs),
    "updates": ("Updates of the model", _updates),
    "access": ("The model itself", _access),
    "subgroups": ("Subgroups named beforehand", _subgroups),
}  # fmt: skip
