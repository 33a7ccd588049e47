"""Which clinical faults are caught, case by case or over a batch, and how often is a clean case or batch accused?

python -m benchmarks.clinical_faults --train 200 --batch 60 --clean 40

The synthetic study at site A with further columns (height, weight, blood pressures, side, dates) is the training data;
later patients of the same mechanism get one fault each. `refused`: share of the cases that the dictionary's ranges and
codes or the checks of masks and grids refuse before any warning. `warned`: share of the cases with a warning, the
dictionary's ranges taken away so that the warnings themselves are tried. Both of the cases that the fault changed.
`batch`: after how many cases the first check alarms, and which one is strongest.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from outcome.cohort.coding import IMPLAUSIBLE, code_column
from outcome.cohort.synthetic import synthetic_record
from outcome.cohort.synthetic_study import VARIABLES
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.dictionary.variable import Range
from outcome.evaluation.monitoring.check import Check, alarm_threshold
from outcome.features.clinical import clinical_features
from outcome.features.columns import FeatureColumn
from outcome.features.observed import observed_columns, observed_frame
from outcome.pipeline.monitor import check_count
from outcome.pipeline.monitoring.doubles import duplicated_cases
from outcome.pipeline.monitoring.inputs_watched import input_checks
from outcome.pipeline.reference.monitoring_summary import monitoring_summary
from outcome.pipeline.reference.population import reference_summary
from outcome.pipeline.scanners import SCANNERS, ct_spec, mr_spec
from outcome.serving.unlike import unlike_training
from segmentation.assessment.glance import glance_at_image, glance_at_mask
from segmentation.assessment.quality import check_mask
from segmentation.images.grids import check_grids
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.types import Mask, Volume

RATE = 0.01
_EARLY, _PREDICTS = Availability.PREOPERATIVE, frozenset({Role.PREDICTOR})


def _number(name: str, unit: str, low: float, high: float) -> Variable:
    return Variable(name, VariableKind.NUMERIC, name.replace("_", " "), unit, hard_range=Range(low, high),
                    availability=_EARLY, roles=_PREDICTS)  # fmt: skip


def _date(name: str) -> Variable:
    return Variable(name, VariableKind.DATE, name.replace("_", " "), availability=_EARLY)


_SIDES = (Choice("left", "left"), Choice("right", "right"))
EXTRA = (
    _number("height_cm", "cm", 100, 230),
    _number("weight_kg", "kg", 30, 250),
    _number("systolic_mmhg", "mmHg", 60, 260),
    _number("diastolic_mmhg", "mmHg", 30, 160),
    Variable("tumor_side", VariableKind.CATEGORICAL, "Side", choices=_SIDES, availability=_EARLY, roles=_PREDICTS),
    _date("surgery_date"),
    _date("ct_date"),
)
DICTIONARY = DataDictionary((*VARIABLES, *EXTRA))
WITHOUT_RANGES = DataDictionary(
    tuple(replace(v, hard_range=Range(None, None), plausible_range=Range(None, None)) for v in DICTIONARY)
)
START = "surgery_date"


@dataclass(frozen=True, eq=False)
class Images:
    """One patient's CT, its mask, an MR where there is one, and what they were made from."""

    ct: Volume
    mask: Mask
    mr: Volume | None
    spec: PhantomSpec


@dataclass(frozen=True, eq=False)
class Hospital:
    """Patients as a hospital hands them over: every cell as text (index case_id), and images by case."""

    table: pd.DataFrame
    images: Mapping[str, Images]


def hospital(seed: int, n: int, prefix: str, coarse: int = 1) -> Hospital:
    """`n` patients of site A; `coarse` divides the number of voxels along each axis."""
    rng = np.random.default_rng([seed, 77])
    record = synthetic_record(rng, n, "A")
    ids = [f"{prefix}{seed}-{i:05d}" for i in range(n)]
    table = _with_extras(rng, record.table, record.latents).assign(case_id=ids).set_index("case_id")
    images = {case: _images(rng, record.latents.iloc[i], coarse) for i, case in enumerate(ids)}
    return Hospital(table, images)


def _with_extras(rng: np.random.Generator, table: pd.DataFrame, latents: pd.DataFrame) -> pd.DataFrame:
    n = len(table)
    height = np.round(np.where(table["sex"] == "male", 177, 164) + 7 * rng.standard_normal(n))
    weight = np.round(table["bmi"].fillna(28.5) * (height / 100) ** 2)
    systolic = np.round(135 + 15 * rng.standard_normal(n))
    diastolic = np.round(80 + 0.35 * (systolic - 135) + 8 * rng.standard_normal(n))
    surgery = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    scanned = surgery - pd.to_timedelta(rng.integers(3, 60, n), unit="D")
    return table.assign(
        height_cm=height, weight_kg=weight, systolic_mmhg=systolic, diastolic_mmhg=diastolic,
        tumor_side=latents["side"].to_numpy(), surgery_date=surgery.strftime("%Y-%m-%d"),
        ct_date=scanned.strftime("%Y-%m-%d"),
    )  # fmt: skip


def _images(rng: np.random.Generator, latents: pd.Series, coarse: int) -> Images:
    spec = _coarser(ct_spec(rng, SCANNERS["A"], latents), coarse)
    ct, mask, _ = phantom(rng, spec)
    again = _coarser(mr_spec(rng, SCANNERS["A"], spec), coarse)
    mr = phantom(rng, again)[0] if rng.random() < 0.6 else None
    return Images(ct, mask, mr, spec)


def _coarser(spec: PhantomSpec, by: int) -> PhantomSpec:
    i, j, k = (max(16, size // by) for size in spec.shape)
    return replace(spec, shape=(i, j, k))


@dataclass(frozen=True, eq=False)
class Seen:
    """What the program sees of a hospital's patients: everything looked at, and which cases are refused before that."""

    observed: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    refused: frozenset[str]


def seen(patients: Hospital) -> Seen:
    refused = {case for case, images in patients.images.items() if _image_refused(images)}
    variables = {}
    for variable, plain in zip(DICTIONARY, WITHOUT_RANGES, strict=True):
        if variable.name not in patients.table:
            continue
        raw = patients.table[variable.name].map(lambda cell: None if pd.isna(cell) else str(cell)).astype(object)
        for problem, rows in code_column(variable, raw).problems.items():
            refused |= set(patients.table.index[rows]) if problem != IMPLAUSIBLE else set()
        variables[variable.name] = code_column(plain, raw).values
    frame = pd.DataFrame(variables)
    features, columns = clinical_features(frame, WITHOUT_RANGES)
    scans = pd.DataFrame({case: _glance(images) for case, images in patients.images.items()}).T
    observed = observed_frame(features, scans.astype(float), frame, WITHOUT_RANGES, START)
    return Seen(observed, tuple(columns), frozenset(refused))


def _image_refused(images: Images) -> bool:
    found = [*check_mask(images.mask), *check_grids(images.mask.grid, images.ct.grid)]
    return any(finding.level == "reject" for finding in found)


def _glance(images: Images) -> dict[str, float]:
    found = {f"ct.{what}": value for what, value in glance_at_image(images.ct).items()}
    if images.mr is not None:
        found |= {f"mr.{what}": value for what, value in glance_at_image(images.mr).items()}
    under = images.ct if images.mask.grid.shape == images.ct.grid.shape else None
    return found | {f"mask.{what}": value for what, value in glance_at_mask(images.mask, under).items()}


def reference_of(trained: Seen) -> dict[str, Any]:
    """What a bundle of these cases would tell, without models."""
    frame = trained.observed
    names = [name for name in frame.columns[len(trained.columns) :] if frame[name].notna().any()]
    columns = [*trained.columns, *observed_columns(names, DICTIONARY)]
    none = pd.DataFrame(columns=["case_id", "endpoint", "value", "time_days", "event"])
    told = reference_summary(frame[[column.name for column in trained.columns]], none, {})
    genes = [column.name for column in trained.columns if column.block == "genomics"]
    return {**told, "monitoring": {**monitoring_summary(frame, columns, genes), "units": {}}}


@dataclass(frozen=True)
class Answer:
    """How a batch was judged: shares of cases refused and warned, first alarm (check and cases needed)."""

    refused: float
    warned: float
    alarm_after: int | None
    alarm_by: str


def judged(reference: Mapping[str, Any], here: Seen, among: frozenset[str], rate: float = RATE) -> Answer:
    """The warnings and alarms on a batch, in case order; shares are of the cases `among`."""
    warnings = unlike_training(here.observed, reference, here.columns, rate)
    copies = duplicated_cases(here.observed, here.columns)
    warned = {*warnings["case_id"], *copies["case_id"], *copies["like"]}
    told = reference["monitoring"]
    threshold = alarm_threshold(rate, check_count(told))
    raised = [(_cases_needed(check, threshold), check) for check in input_checks(told, here.observed)]
    alarms = [(at, check) for at, check in raised if at is not None]
    strongest = max(alarms, key=lambda alarm: alarm[1].log_e, default=None)
    by = f"{strongest[1].kind} of {strongest[1].name}" if strongest else ""
    after, n = min((at for at, _ in alarms), default=None), max(1, len(among))
    return Answer(len(here.refused & among) / n, len(warned & among) / n, after, by)


def affected(before: Hospital, after: Hospital) -> frozenset[str]:
    """The cases that a fault changed."""
    same = before.table.astype(str).eq(after.table.astype(str)).all(axis=1)
    return frozenset(c for c in before.table.index if not same[c] or before.images[c] is not after.images[c])


def _cases_needed(check: Check, threshold: float) -> int | None:
    at = check.alarm_at(threshold)
    return None if at is None else int(check.rows[at]) + 1


Fault = Callable[[Hospital, np.random.Generator], Hospital]


def _cells(change: Callable[[pd.DataFrame], Mapping[str, Any]]) -> Fault:
    return lambda patients, rng: replace(patients, table=patients.table.assign(**change(patients.table)))


def _pictures(change: Callable[[Images, np.random.Generator], Images]) -> Fault:
    return lambda patients, rng: replace(
        patients, images={case: change(images, rng) for case, images in patients.images.items()}
    )


def _scaled(name: str, factor: float) -> Fault:
    return _cells(lambda table: {name: (table[name] * factor).round(2)})


def _swapped(one: str, other: str) -> Fault:
    return _cells(lambda table: {one: table[other], other: table[one]})


def _flipped(images: Images, rng: np.random.Generator) -> Images:
    """Voxels in the opposite order along the patient's right-left axis; the header stays."""
    axis = next(i for i, (ras, _) in enumerate(images.ct.grid.axes) if ras == 0)
    return _turned(images, lambda array: np.flip(array, axis))


def _rotated(images: Images, rng: np.random.Generator) -> Images:
    """Axes given out in another order; the header stays but for the sizes."""
    return _turned(images, lambda array: np.moveaxis(array, 0, 2))


def _turned(images: Images, turn: Callable[[np.ndarray], np.ndarray]) -> Images:
    ct = Volume(turn(images.ct.array), images.ct.affine, images.ct.modality)
    mask = Mask(np.asfortranarray(turn(images.mask.labels)), images.mask.affine, images.mask.regions)
    return replace(images, ct=ct, mask=mask)


def _wrong_affine(images: Images, rng: np.random.Generator) -> Images:
    """Spacing of 1 mm, as a converter writes that lost the header."""
    affine = np.eye(4)
    affine[:3, :3] = images.ct.grid.direction
    ct = Volume(images.ct.array, affine, images.ct.modality)
    return replace(images, ct=ct, mask=Mask(images.mask.labels, affine, images.mask.regions))


def _other_organ(images: Images, rng: np.random.Generator) -> Images:
    """The mask lies where the liver is."""
    labels = images.mask.labels
    middle = np.argwhere(labels == 2).mean(axis=0)
    aim = np.linalg.inv(images.mask.affine) @ np.array([47.0, 25.0, 45.0, 1.0])
    moved = np.roll(labels, np.rint(aim[:3] - middle).astype(int), axis=(0, 1, 2))
    return replace(images, mask=Mask(np.asfortranarray(moved), images.mask.affine, images.mask.regions))


def _other_patient(images: Images, rng: np.random.Generator) -> Images:
    """The mask of another patient, on this one's grid: a mask on another grid is refused anyway."""
    latents = synthetic_record(rng, 1, "A").latents.iloc[0]
    other = replace(ct_spec(rng, SCANNERS["A"], latents), shape=images.spec.shape, orientation=images.spec.orientation)
    return replace(images, mask=phantom(rng, other)[1])


def _labelled(label: int) -> Fault:
    return _pictures(
        lambda images, rng: replace(
            images, mask=Mask(np.full_like(images.mask.labels, label), images.mask.affine, images.mask.regions)
        )
    )


def _offset(images: Images, rng: np.random.Generator) -> Images:
    return replace(images, ct=Volume(images.ct.array + 1024, images.ct.affine, images.ct.modality))


def _inverted(images: Images, rng: np.random.Generator) -> Images:
    if images.mr is None:
        return images
    return replace(images, mr=Volume(images.mr.array.max() - images.mr.array, images.mr.affine, "MR"))


def _other_sequence(images: Images, rng: np.random.Generator) -> Images:
    """An MR where the CT belongs, on the CT's grid."""
    mr = phantom(rng, replace(images.spec, modality="MR"))[0]
    return replace(images, ct=Volume(mr.array, images.ct.affine, "CT"))


def _twice(patients: Hospital, rng: np.random.Generator) -> Hospital:
    """The second half are the first half's patients under other names."""
    half = len(patients.table) // 2
    first, second = patients.table.index[:half], patients.table.index[half : 2 * half]
    table = patients.table.copy()
    table.loc[second] = table.loc[first].to_numpy()
    images = {**patients.images, **{b: patients.images[a] for a, b in zip(first, second, strict=True)}}
    return Hospital(table, images)


def _commas(table: pd.DataFrame) -> dict[str, Any]:
    text = table["haemoglobin_g_dl"].map(lambda value: None if pd.isna(value) else f"{value:.1f}".replace(".", ","))
    return {"haemoglobin_g_dl": text}


def _a_year_early(table: pd.DataFrame) -> dict[str, Any]:
    moved = pd.to_datetime(table["ct_date"]) - pd.Timedelta(days=365)
    return {"ct_date": moved.dt.strftime("%Y-%m-%d")}


FAULTS: Mapping[str, Fault] = {
    "creatinine in µmol/L": _scaled("creatinine_mg_dl", 88.42),
    "haemoglobin in g/L": _scaled("haemoglobin_g_dl", 10),
    "height in m": _scaled("height_cm", 0.01),
    "height in inches": _scaled("height_cm", 1 / 2.54),
    "weight in pounds": _scaled("weight_kg", 2.2046),
    "age in months": _scaled("age_years", 12),
    "image and mask flipped left-right": _pictures(_flipped),
    "axes rotated": _pictures(_rotated),
    "wrong affine": _pictures(_wrong_affine),
    "mask on another organ": _pictures(_other_organ),
    "mask of another patient": _pictures(_other_patient),
    "empty mask": _labelled(0),
    "whole image as mask": _labelled(2),
    "HU offset of 1024": _pictures(_offset),
    "MR inverted": _pictures(_inverted),
    "MR in place of CT": _pictures(_other_sequence),
    "systolic and diastolic exchanged": _swapped("systolic_mmhg", "diastolic_mmhg"),
    "two labs exchanged": _swapped("haemoglobin_g_dl", "creatinine_mg_dl"),
    "constant column": _cells(lambda table: {"haemoglobin_g_dl": 13.8}),
    "a block all missing": _cells(lambda table: {name: np.nan for name in table if name.startswith("expr_")}),
    "category coded the other way": _cells(
        lambda table: {"asa_class": table["asa_class"].map({"1": "4", "2": "3", "3": "2", "4": "1"})}
    ),
    "date of the CT a year early": _cells(_a_year_early),
    "patients twice": _twice,
    "decimal comma in text": _cells(_commas),
    "decimal comma lost": _scaled("haemoglobin_g_dl", 10),
}
MOSTLY = 0.9


def level(answer: Answer) -> str:
    """Where a fault is caught: at nearly every case by itself, at some, or over the batch; "missed"."""
    alone = max(answer.refused, answer.warned)
    if alone >= MOSTLY:
        return "case by case"
    if answer.alarm_after is not None:
        return "over a batch" if alone < 0.05 else "over a batch, some cases alone"
    return "some cases alone" if alone >= 0.05 else "missed"


def clean_rates(reference: Mapping[str, Any], seeds: int, batch: int, coarse: int = 1) -> tuple[int, int, int, int]:
    """Cases warned of, cases, batches that alarm, batches; of patients without a fault."""
    warned = alarmed = 0
    for seed in range(seeds):
        here = seen(hospital(10_000 + seed, batch, "c", coarse))
        answer = judged(reference, here, frozenset(map(str, here.observed.index)))
        warned += round(answer.warned * batch)
        alarmed += answer.alarm_after is not None
    return warned, seeds * batch, alarmed, seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--batch", type=int, default=60)
    parser.add_argument("--clean", type=int, default=40, help="batches without a fault")
    parser.add_argument("--coarse", type=int, default=1)
    asked = parser.parse_args()
    reference = reference_of(seen(hospital(1, asked.train, "t", asked.coarse)))
    told = reference["monitoring"]
    print(f"{asked.train} training cases, {check_count(told)} checks, {asked.batch} cases a batch, rate {RATE:g}\n")
    later = hospital(2, asked.batch, "n", asked.coarse)
    print("| fault | refused | warned | batch alarm after | strongest check | caught |\n|---|---|---|---|---|---|")
    for name, fault in FAULTS.items():
        spoiled = fault(later, np.random.default_rng(3))
        answer = judged(reference, seen(spoiled), affected(later, spoiled))
        after = "–" if answer.alarm_after is None else f"{answer.alarm_after} cases"
        print(
            f"| {name} | {answer.refused:.0%} | {answer.warned:.0%} | {after} | {answer.alarm_by} | {level(answer)} |",
            flush=True,
        )
    warned, cases, alarmed, batches = clean_rates(reference, asked.clean, asked.batch, asked.coarse)
    print(f"\nwithout a fault: {warned} of {cases} cases warned of, {alarmed} of {batches} batches alarm")


if __name__ == "__main__":
    main()
