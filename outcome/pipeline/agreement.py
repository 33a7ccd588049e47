"""Does this study record what the bundle reads, coded in the same way? Otherwise every risk would silently be wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from outcome.bundle import Bundle
from outcome.config import Study, study_from_resolved
from outcome.dictionary import DataDictionary, Role, Variable
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.features.columns import BATCH, IMAGE, FeatureColumn, columns_from_json
from outcome.features.crops import IMAGE_PREFIX
from outcome.pipeline.recipe import frozen_recipe
from outcome.serving import RiskModel
from outcome.types import Finding, Level

# what `outcome validate` takes from the bundle, whatever the study file says
FROM_BUNDLE = (
    "procedure", "endpoints", "inclusion", "subgroups", "crossed", "comparator", "training", "radiomics", "index_time",
    "segmenter", "image_blocks",
)  # fmt: skip
_NAMED_IN = ("inclusion", "endpoints", "subgroups", "comparator")
_MEASURED = "radiomics"
_KEPT_ROLES = frozenset({Role.SITE, Role.IDENTIFIER})


@dataclass(frozen=True)
class Agreed:
    """The dictionary for this study's table, as the bundle means it, and what a reader should know about it."""

    dictionary: DataDictionary
    findings: tuple[Finding, ...]


def agree(bundle: Bundle, study: Study, own: DataDictionary) -> Agreed:
    """The study's own dictionary with the bundle's roles, ranges and orders, where both mean the same.

    A predictor that the study does not describe is missing in every case. Raises ConfigRefusal where the study's
    settings are not the bundle's, DataRefusal where a variable is coded otherwise.
    """
    refuse_other_settings(study_from_resolved(bundle.json("config.json")), study)
    model = RiskModel(bundle)
    used, batch = used_names(bundle, study), _batch_variables(study, model.dictionary)
    refuse_other_coding(model.dictionary, own, [*used, *(name for name in batch if name in own)])
    findings = tuple(_missing_for_everyone(bundle, study, model.dictionary, own))
    return Agreed(bundle_on_study(model.dictionary, own, [*used, *batch]), findings)


def used_names(bundle: Bundle, study: Study) -> list[str]:
    """The variables behind the bundle's feature columns, and those its endpoints, criteria and groups are made of."""
    columns = columns_from_json(bundle.json("columns.json"))
    predictors = [column.name.partition(":")[2] for column in columns if not _is_measured(column)]
    named = [name for place, name in study.variables_used() if place.split("[")[0].split(".")[0] in _NAMED_IN]
    return list(dict.fromkeys([*predictors, *named]))


def _batch_variables(study: Study, meant: DataDictionary) -> list[str]:
    """The variable that makes the batches, where one does: a hospital may not have it, but not code it otherwise."""
    harmonise = study.training.harmonise
    named = [] if harmonise is None or harmonise.variable is None else [harmonise.variable]
    return [name for name in named if name in meant]


def _is_measured(column: FeatureColumn) -> bool:
    """Whether no variable of a dictionary stands behind a column: from images and masks, or the batch."""
    return column.block == _MEASURED or column.kind in (IMAGE, BATCH)


def refuse_other_settings(defined: Study, study: Study) -> None:
    """A study on a foreign bundle has the bundle's settings (`outcome predict`: no endpoints). Raises ConfigRefusal."""
    other = [name for name in FROM_BUNDLE if _setting(defined, name) != _setting(study, name)]
    if not study.endpoints:
        other = [name for name in other if name != "endpoints"]
    if other:
        raise ConfigRefusal(
            "this store holds a model learned elsewhere, and the study file has settings of its own",
            expected="the bundle's settings",
            found=f"other {', '.join(other)}",
            next_step="outcome validate BUNDLE STUDY.yaml --out STORE, or choose another --store",
        )


def _setting(study: Study, name: str) -> object:
    """A setting as far as it is the bundle's: how many masks of a case are kept is each hospital's own."""
    if name == "segmenter" and study.segmenter is not None:
        return study.segmenter.keeping(0)
    return getattr(study, name)


def refuse_other_coding(
    bundle_dictionary: DataDictionary, study_dictionary: DataDictionary, used_names: Iterable[str]
) -> None:
    """Refuse a study whose variables do not mean what the bundle's mean.

    Compared for every used name: kind, unit, choice codes and their order, labels that stand at another code, and
    when the variable becomes known. A predictor that the study does not describe passes: it is missing for everyone.
    Raises DataRefusal listing every variable with what is expected and found.
    """
    problems = [
        f"{name}: {problem}"
        for name in used_names
        if name in bundle_dictionary
        for problem in _problems(bundle_dictionary[name], study_dictionary)
    ]
    if problems:
        raise DataRefusal(
            f"this study's dictionary contradicts the bundle's in {len(problems)} place(s)",
            expected="the units, choices and times of the bundle's dictionary.csv",
            found="\n    ".join(problems),
            next_step="convert the table and correct the dictionary; never rename a unit without converting its values",
        )


def bundle_on_study(bundle: DataDictionary, own: DataDictionary, used: Iterable[str]) -> DataDictionary:
    """The study's columns and spellings with the bundle's roles, ranges and orders.

    A predictor not described gets no column. Predictors that the bundle does not know lose that role: no model reads
    them.
    """
    wanted = [bundle[name] for name in used if name in bundle]
    meant = {variable.name: variable for variable in wanted}
    described = tuple(_as_meant(variable, meant.get(variable.name)) for variable in own)
    absent = tuple(
        replace(variable, source=f"{variable.name} (not in the dictionary of this study)")
        for variable in wanted
        if variable.name not in own
    )
    return DataDictionary((*described, *absent))


def _as_meant(here: Variable, there: Variable | None) -> Variable:
    if there is None:
        return replace(here, roles=here.roles - {Role.PREDICTOR})
    roles = there.roles | (here.roles & _KEPT_ROLES)
    meant = replace(here, roles=roles, block=there.block, ordered=there.ordered)
    return replace(meant, hard_range=there.hard_range, plausible_range=there.plausible_range)


def _problems(there: Variable, study: DataDictionary) -> Iterator[str]:
    if there.name not in study:
        if Role.PREDICTOR not in there.roles:
            yield "expected a row in the dictionary, found none"
        return
    here = study[there.name]
    if here.kind is not there.kind:
        yield f"expected {there.kind}, found {here.kind}"
        return
    if plain_unit(here.unit) != plain_unit(there.unit):
        yield f"expected unit {there.unit or 'none'}, found {here.unit or 'none'}"
    if here.codes != there.codes:
        yield f"expected choices {', '.join(there.codes)} in this order, found {', '.join(here.codes)}"
    else:
        yield from _moved_labels(there, here)
    if here.availability is not there.availability:
        yield f"expected {there.availability}, found {here.availability}"


def _moved_labels(there: Variable, here: Variable) -> Iterator[str]:
    """Labels may be translated; one that stands at another code there means that the codes were given out anew."""
    code_of = {choice.label.strip().casefold(): choice.code for choice in there.choices}
    for choice in here.choices:
        expected = code_of.get(choice.label.strip().casefold(), choice.code)
        if expected != choice.code:
            yield f"expected {choice.label!r} under code {expected}, found it under {choice.code}"


def plain_unit(unit: str) -> str:
    """A unit without its spelling: case, spaces, ^ and the two ways to write µ and ² are no difference."""
    return "".join(unicodedata.normalize("NFKC", unit).casefold().replace("^", "").split())


def _missing_for_everyone(
    bundle: Bundle, study: Study, there: DataDictionary, own: DataDictionary
) -> Iterator[Finding]:
    columns = columns_from_json(bundle.json("columns.json"))
    names = [c.name.partition(":")[2] for c in columns if not _is_measured(c)]
    absent = [name for name in names if name in there and name not in own]
    if absent:
        words = f"{len(absent)} predictor(s) of the bundle are not in this study's dictionary: {', '.join(absent)}"
        yield Finding("predictor_not_described", Level.REVIEW, f"{words}; they are taken as missing in every case")
    measured = sum(column.block == _MEASURED for column in columns)
    if measured and study.mask is None and frozen_recipe(bundle) is None:
        words = f"the bundle reads {measured} measurements of masks and this study hands over no masks"
        yield Finding("no_masks_for_the_bundle", Level.REVIEW, f"{words}; they are taken as missing in every case")
    sequences = [column.block.removeprefix(IMAGE_PREFIX) for column in columns if column.kind == IMAGE]
    without = [name for name in sequences if name not in study.images]
    if without:
        words = f"the bundle reads images that this study does not name: {', '.join(without)}"
        yield Finding("no_images_for_the_bundle", Level.REVIEW, f"{words}; they are taken as missing in every case")
