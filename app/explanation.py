"""What moved a patient's estimate, as bars in clinical words, and where a network looked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import markup
from app.planes import Heat
from app.records import PROBABILITIES, StudyRecords, endpoint_facts
from outcome.errors import OutcomeError, StoreRefusal
from outcome.report.numbers import format_number, horizon_words, per_100
from outcome.report.wording import amount_unit, rung_words
from outcome.serving import BlockContribution, Explanation, RiskModel, case_explanation

PICK = "pt_explain"
SHOWN = 6
_PICK_PIXELS = 420
_HALF = 50.0  # percent of the track on either side of its middle
_NOTHING = 0.005  # shown as 0.00
NO_BUNDLE = "This store holds no frozen model, so nothing can be said of what moved an estimate."
OTHER_BUNDLE = (
    "The estimate comes from another frozen model than the one in this store, so it cannot be explained here."
)
UNREADABLE = "This estimate cannot be explained: the features or images of this case cannot be read."
SEEN = (
    "The risk above comes from a model fitted without this patient; this explains the final model, which has seen "
    "this patient."
)
WHAT_HEAT_IS = (
    "Heat: what the network's learned filters find in the image {image} that raises the estimate. The network reads "
    "no more than the dotted block; what it measures of a region as a whole (place, contrast, roughness) has no heat."
)
NOT_A_CAUSE = "A description of the model, not a cause: changing an input need not change the outcome."
SCALES = {
    "binary": "log odds: +0.7 doubles the odds, −0.7 halves them",
    "time_to_event": "log hazard: +0.7 doubles the hazard, −0.7 halves it",
    "duration": "logarithm of the duration: +0.1 is about a tenth longer",
}
SPANS = {"binary": 0.7, "time_to_event": 0.7, "duration": 0.2}  # a bar reaches the end at this effect at least
OWN_SCALE = "the predicted value itself"


@dataclass(frozen=True)
class Bar:
    """One input's effect as text, with its bar in percent of the track, whose middle is no effect."""

    label: str
    value: str
    reference: str
    effect: str
    raises: bool
    left_percent: float
    width_percent: float


@dataclass(frozen=True)
class Moved:
    """What the section says: the modality blocks where there are several, and the inputs that count most."""

    blocks: tuple[Bar, ...]
    bars: tuple[Bar, ...]
    rest: str
    ends: str
    scale: str
    model: str


@dataclass(frozen=True)
class _Key:
    """What an explanation hangs on beside the question; features or a bundle made anew are explained anew."""

    store: str
    study: str
    bundle_id: str
    features_at: int


def explained(store: Path, records: StudyRecords, case_id: str, endpoint: str, inputs: str) -> Explanation | str:
    """The explanation of a case's estimate, or a sentence that says why there is none."""
    silent = why_silent(records, case_id)
    if silent:
        return silent
    try:
        key = _Key(str(store), records.name, records.bundle_id, _stamp(store, records))
        return _explained(key, case_id, endpoint, inputs)
    except StoreRefusal:  # its message names a place on this machine
        return UNREADABLE
    except OutcomeError as error:
        return f"This estimate cannot be explained: {error.message}."


def why_silent(records: StudyRecords, case_id: str) -> str:
    """Why this store's model has nothing to say of the case's estimate; "" where it has."""
    if not records.bundle_id:
        return NO_BUNDLE
    foreign = not is_development(records, case_id) and records.predicted_by not in ("", records.bundle_id)
    return OTHER_BUNDLE if foreign else ""


def pick_endpoint(records: StudyRecords, endpoints: list[str]) -> str:
    """The outcome whose estimate is explained: the first, until another is picked."""
    facts = endpoint_facts(records)
    return st.selectbox(
        "Outcome to explain",
        endpoints,
        format_func=lambda name: str(facts.get(name, {}).get("label") or name.replace("_", " ")),
        key=PICK,
        width=_PICK_PIXELS,
    )


def show(explanation: Explanation | str, *, development: bool) -> None:
    """The bars, or the sentence that says why there are none."""
    if isinstance(explanation, str):
        markup.show("sentence.html.j2", text=explanation, next_step="")
    else:
        seen = SEEN if development else ""
        blind = "" if explanation.heat else explanation.note
        markup.show("explanation.html.j2", moved=moved(explanation), seen=seen, blind=blind, caution=NOT_A_CAUSE)


def heats(explanation: Explanation) -> dict[str, Heat]:
    """Where a network looked, by image, with the words beside the picture."""
    found = {}
    for name, heat in explanation.heat.items():
        key = hashlib.sha256(heat.values.tobytes() + heat.affine.tobytes()).hexdigest()
        parts = (WHAT_HEAT_IS.format(image=name), inside_words(heat.inside), explanation.note)
        found[name] = Heat(key, heat, " ".join(part for part in parts if part))
    return found


def inside_words(inside: Mapping[str, float]) -> str:
    """What share of the heat lies in each region, the largest first."""
    told = sorted(inside.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{100 * share:.0f} % in {region.replace('_', ' ')}" for region, share in told)
    return f"Of the heat {shares}." if shares else ""


def moved(explanation: Explanation) -> Moved:
    """An explanation in words and lengths: whole blocks, the inputs that count most, the others together."""
    rows = [row for row in explanation.contributions.rows if row.contribution]
    blocks = explanation.contributions.blocks if len(explanation.contributions.blocks) > 1 else ()
    least = SPANS.get(explanation.kind.value, 0.0)
    most = max([least, *(abs(row.contribution) for row in rows), *(abs(block.contribution) for block in blocks)])
    bars = tuple(
        Bar(row.label, row.value, row.reference, effect_words(row.contribution), row.contribution > 0,
            *_bar(row.contribution / most))
        for row in rows[:SHOWN]
    )  # fmt: skip
    return Moved(
        blocks=tuple(_of_block(block, most) for block in blocks),
        bars=bars,
        rest=_rest([row.contribution for row in rows[SHOWN:]]),
        ends=_ends(explanation),
        scale=SCALES.get(explanation.kind.value, OWN_SCALE),
        model=rung_words(explanation.model_name),
    )


def _of_block(block: BlockContribution, most: float) -> Bar:
    size = block.contribution / most if most else 0.0
    return Bar(block.label, "", "", effect_words(block.contribution), block.contribution > 0, *_bar(size))


def _ends(explanation: Explanation) -> str:
    """What the model gives the average development case and this patient, at the first horizon."""
    average, own = explanation.average[0], explanation.own[0]
    if explanation.kind.value not in PROBABILITIES:
        unit = amount_unit({"kind": explanation.kind.value})
        average_text, own_text = (f"{format_number(value, 1)} {unit}".rstrip() for value in (average, own))
        return f"The average development case gets {average_text}, this patient {own_text}."
    days = explanation.horizons_days
    when = f" {horizon_words(days[0])}" if days else ""
    return f"The average development case gets {per_100(average)} of 100{when}, this patient {per_100(own)} of 100."


def effect_words(contribution: float) -> str:
    """ "raises (+0.31)", "lowers (−0.12)", or that it hardly moves."""
    if abs(contribution) < _NOTHING:
        return "hardly moves it"
    return f"{'raises' if contribution > 0 else 'lowers'} ({_number(contribution)})"


def _rest(contributions: list[float]) -> str:
    if not contributions:
        return ""
    count = len(contributions)
    return f"{count} other input{'s' if count > 1 else ''} together: {effect_words(sum(contributions))}"


def _number(value: float) -> str:
    return format_number(value, signed=True)


def _bar(share: float) -> tuple[float, float]:
    """(left, width) in percent: to the right of the middle where it raises, to the left where it lowers."""
    width = round(_HALF * abs(share), 2)
    return (_HALF if share > 0 else round(_HALF - width, 2)), width


def is_development(records: StudyRecords, case_id: str) -> bool:
    """Whether the final model was fitted with this case."""
    partition = str(records.cases.loc[case_id].get("partition", ""))
    return records.partitions.get(partition, {}).get("relation") == "development"


def _stamp(store: Path, records: StudyRecords) -> int:
    path = store / records.name / "features" / "features.parquet"
    return path.stat().st_mtime_ns if path.is_file() else 0


@st.cache_resource(max_entries=2, show_spinner="Opening the frozen model …")
def frozen_model(store: str, study: str, bundle_id: str) -> RiskModel:
    """`bundle_id` is part of the key: another bundle is another model."""
    return RiskModel.load(Path(store) / study / "bundle")


@st.cache_resource(max_entries=64, show_spinner="Explaining the estimate …")
def _explained(key: _Key, case_id: str, endpoint: str, inputs: str) -> Explanation:
    model = frozen_model(key.store, key.study, key.bundle_id)
    return case_explanation(model, Path(key.store), key.study, case_id, endpoint, inputs)
