"""How this program does what a checklist asks about, in sentences: settings are the bundle's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outcome.report.checklists.facts import ReportFacts

Words = Callable[[ReportFacts], str]


def _preparation(facts: ReportFacts) -> str:
    return (
        "Before anything is computed every column is checked against the data dictionary: type, codes, hard range, "
        "impossible dates, doubled cases; a value outside its hard range keeps the case out and names it. The "
        "checks are the same for every case and group. What was found stands under the findings."
    )


def _missing(facts: ReportFacts) -> str:
    return (
        "No case is dropped for a missing predictor. A missing number takes the development cases' median, a "
        "missing yes/no or category the commonest one; from 5 % missing in development on, a column of its own says "
        f"that the value was missing. {_missing_order(facts)}Medians and modes come from training folds only. A case "
        "without an image goes without that block. Cases with an unknown outcome are not evaluated; they are counted."
    )


def _missing_order(facts: ReportFacts) -> str:
    return "Where choices are steps of one scale, it is the median choice. " if _ordered(facts) else ""


def _order(facts: ReportFacts) -> str:
    return (
        ", or where choices are steps of one scale one column a step, at least this choice" if _ordered(facts) else ""
    )


def _ordered(facts: ReportFacts) -> bool:
    """Whether the model reads a category by the order of its choices."""
    return any(column.get("ordered") for column in facts.bundle.get("columns") or ())


def _partition(facts: ReportFacts) -> str:
    training = facts.bundle_study["training"]
    return (
        f"Development cases: nested cross-validation with {training.get('outer_folds')} outer and "
        f"{training.get('inner_folds')} inner folds, patients never parted; preprocessing, choice of model, "
        "calibration and threshold are learned anew inside each fold, and development cases are evaluated on folds "
        "that did not see them. All other cases are predicted by the frozen model; nothing is fitted to them."
    )


def _predictors(facts: ReportFacts) -> str:
    return (
        "Numbers enter linearly in the regressions, after log(1 + x) where non-negative and very skewed, cut at the "
        "1st and 99th percentile, with mean 0 and sd 1; no number is cut into groups. A category is one column a "
        f"choice{_order(facts)}. Columns that are constant, all missing or nearly equal to another one are dropped. "
        "All of it is learned on training rows and applied unchanged to every later case."
    )


def _building(facts: ReportFacts) -> str:
    training = facts.bundle_study["training"]
    families = ", ".join(str(name).replace("_", " ") for name in training.get("families") or ())
    return (
        f"A ladder from one number to all blocks ({families}); every regression is penalised; tuning by inner folds. "
        "Chosen is the simplest rung within one standard error of the best, so that a more complex one must earn "
        f"its place. {training.get('bootstraps')} refits on resampled patients give the interval around a risk. "
        f"Fewer than {training.get('min_events')} events, or cases without: no model."
    )


def _clusters(facts: ReportFacts) -> str:
    return (
        "Model parameters are common to all sites. Performance is measured in each site with enough events and "
        "pooled by a random-effects meta-analysis with a prediction interval."
    )


def _measures(facts: ReportFacts) -> str:
    return (
        "Ranking (area under the ROC curve, or concordance), calibration (observed over expected, intercept, slope, "
        "curve), overall error (Brier score) and usefulness (net benefit), each with an interval, because a model "
        "that ranks well may still state wrong risks. Models are compared on the same cases by paired differences. "
        "A number that rests on too few events is withheld with the reason."
    )


def _predictions(facts: ReportFacts) -> str:
    return (
        "Risks were computed by the frozen bundle whose hash stands under the provenance, by the same program for "
        "every case; thresholds and calibration are the bundle's."
    )


def _timing(facts: ReportFacts) -> str:
    return (
        "The data dictionary says when each variable becomes known. Only what is known before the operation or "
        "planned for it may be a predictor; the program refuses others by name, and outcomes are counted from the "
        "start of surgery."
    )


METHODS: Mapping[str, tuple[str, Words]] = {
    "preparation": ("Checking of the data", _preparation),
    "missing": ("Missing values", _missing),
    "partition": ("Use of the cases", _partition),
    "predictors": ("Handling of predictors", _predictors),
    "building": ("Building of the model", _building),
    "clusters": ("Differences between sites", _clusters),
    "measures": ("Measures of performance", _measures),
    "predictions": ("How risks were computed", _predictions),
    "timing": ("What is known when", _timing),
}
