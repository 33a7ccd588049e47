"""A frozen bundle at work: all that a stage, the dashboard or another program needs to turn cases into risks."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import Bundle, read_bundle
from outcome.cases import (
    Segmenter,
    drawn_outlines,
    glance_case,
    measure_masks,
    measure_repeats,
    segment_case,
    several_masks,
)
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.explain.outlines import CHANGED, HANDED_OVER, NETWORK, OUTLINE_COLUMNS, outline_table
from outcome.explain.players import Population
from outcome.explain.unit import Explanation, explain_unit
from outcome.features.columns import FeatureColumn, columns_from_json
from outcome.features.crops import NO_CROPS, Crops
from outcome.features.frames import all_columns
from outcome.features.harmonise import Harmoniser
from outcome.features.observed import early_dates, observed_frame
from outcome.recipe import GIVEN, CaseInput, CaseResult, Recipe
from outcome.serving.case import bundle_segmenter, case_row, has_mask, processed
from outcome.serving.known import with_information
from outcome.serving.record import refuse_unfit
from outcome.serving.unlike import unlike_training
from outcome.training.unit import TrainedUnit
from outcome.training.unit_tables import UNIT_COLUMNS, UNIT_DETAILS, UNIT_INFORMATION, empty_table, in_order
from outcome.types import FloatArray

CASES_AT_ONCE = 8192
_Ask = Callable[[TrainedUnit, pd.DataFrame], pd.DataFrame]


class RiskModel:
    """A verified bundle as a model. Everything it does is fixed by the bundle; nothing is learned here."""

    def __init__(self, bundle: Bundle) -> None:
        self.id = bundle.id
        self.facts: Mapping[str, Any] = bundle.facts
        self._bundle = bundle
        self._read: dict[str, TrainedUnit] = {}

    @classmethod
    def load(cls, folder: Path) -> RiskModel:
        """The model in a bundle's folder. Raises BundleRefusal where a byte is not as it was written."""
        return cls(read_bundle(folder))

    @cached_property
    def units(self) -> dict[str, TrainedUnit]:
        """Every trained unit by `<endpoint>.<inputs>`, those without a model (too few events) included."""
        return {name: self.unit(name) for name in self.unit_names}

    @cached_property
    def unit_names(self) -> tuple[str, ...]:
        return tuple(sorted({name.split("/")[1] for name in self._bundle.files if name.startswith("estimators/")}))

    def unit(self, name: str) -> TrainedUnit:
        """One trained unit by its name, read when first asked for: who asks one question need not read all networks."""
        if name not in self._read:
            self._read[name] = TrainedUnit.from_files(self._bundle.under(f"estimators/{name}"))
        return self._read[name]

    @cached_property
    def columns(self) -> tuple[FeatureColumn, ...]:
        return columns_from_json(self._bundle.json("columns.json"))

    @cached_property
    def recipe(self) -> Recipe | None:
        data = self._bundle.json("recipe.json")
        return Recipe.from_json(data) if data else None

    @cached_property
    def segmenter(self) -> Segmenter | None:
        """The network that draws this bundle's masks; None where masks are handed over. Raises BundleRefusal."""
        return bundle_segmenter(self._bundle, self.recipe) if self.recipe and self.recipe.draws_masks else None

    @cached_property
    def dictionary(self) -> DataDictionary:
        text = self._bundle.files["dictionary.csv"].decode()
        return DataDictionary.read(io.StringIO(text), "the bundle's dictionary.csv")

    @cached_property
    def reference(self) -> Mapping[str, Any]:
        """What the bundle tells of its development cases (`reference.json`)."""
        return dict(self._bundle.json("reference.json"))

    @property
    def has_reference(self) -> bool:
        """Whether the bundle tells anything of its development cases."""
        return "reference.json" in self._bundle.files

    @property
    def index_time(self) -> str | None:
        """The variable that dates the start of surgery, where the bundle's study has one."""
        named = self._bundle.json("config.json").get("index_time")
        return None if named is None else str(named)

    @property
    def min_information(self) -> float | None:
        """The known share below which a case is told no number; None where each is told one."""
        level = self._bundle.json("config.json")["training"].get("min_information")
        return None if level is None else float(level)

    @cached_property
    def _harmonisers(self) -> tuple[Harmoniser, ...]:
        """The harmonisation of every rung that has one."""
        rungs = (fit for unit in self.units.values() for fit in unit.rungs)
        return tuple(fit.preprocessor.harmoniser for fit in rungs if fit.preprocessor.harmoniser is not None)

    @property
    def harmonises(self) -> bool:
        """Whether any rung puts batches (sites, scanners) on one scale."""
        return bool(self._harmonisers)

    @property
    def harmonised_columns(self) -> tuple[str, ...]:
        """The features that some rung harmonises, in order."""
        return tuple(dict.fromkeys(name for one in self._harmonisers for name in one.model.columns))

    @property
    def known_batches(self) -> set[str]:
        """The batches that every harmonised rung knows."""
        return set.intersection(*(set(one.sites) for one in self._harmonisers)) if self._harmonisers else set()

    def entered(self, cases: Mapping[str, pd.DataFrame]) -> RiskModel:
        """The same model with further batches, each from the features (index case_id) of some of its cases.

        No outcome is read; everything else, the batches of training among it, stays to the last bit.
        """
        names = [column.name for column in self.columns]
        rows = {batch: features.reindex(columns=names) for batch, features in cases.items()}
        made = RiskModel(self._bundle)
        made._read = {name: self.unit(name).entered(rows) for name in self.unit_names}
        return made

    def predict_frame(
        self, features: pd.DataFrame, crops: Crops = NO_CROPS, *, every_rung: bool = False
    ) -> pd.DataFrame:
        """Predictions of every unit for cases in feature form (index case_id), without partition and source.

        `crops` hold what image blocks read. A column the bundle knows and the frame lacks is taken as missing for every
        case. Rung "chosen" alone, unless `every_rung` asks for the others beside it.
        """
        return self._of_units(
            features, lambda unit, frame: unit.predict(frame, crops, every_rung=every_rung), UNIT_COLUMNS
        )

    def details_frame(self, features: pd.DataFrame, crops: Crops = NO_CROPS) -> pd.DataFrame:
        """What the chosen rung of every unit says of cases beyond a risk (`outcome.training.details`), as above."""
        return self._of_units(features, lambda unit, frame: unit.details(frame, crops), UNIT_DETAILS)

    def information_frame(self, features: pd.DataFrame) -> pd.DataFrame:
        """How much of what every unit's chosen rung reads is known of cases (`outcome.training.information`)."""
        return self._of_units(features, TrainedUnit.information, UNIT_INFORMATION)

    def _of_units(self, features: pd.DataFrame, ask: _Ask, columns: tuple[str, ...]) -> pd.DataFrame:
        """What every unit with a model answers of these cases, one table below the other.

        Some cases at a time: a model's matrix of them is a copy of the features, and more than one stands at once.
        """
        names = [column.name for column in self.columns]
        units = [unit for unit in self.units.values() if not unit.skipped]
        answers: dict[str, list[pd.DataFrame]] = {}
        for first in range(0, len(features), CASES_AT_ONCE):
            frame = all_columns(features.iloc[first : first + CASES_AT_ONCE], names)
            for unit in units:
                answers.setdefault(f"{unit.endpoint}.{unit.inputs.value}", []).append(ask(unit, frame))
        tables = [table for parts in answers.values() if len(table := in_order(parts))]
        return pd.concat(tables, ignore_index=True)[list(columns)] if tables else empty_table(columns)

    def explain(
        self,
        features: pd.DataFrame,
        endpoint: str,
        inputs: str,
        *,
        crops: Crops = NO_CROPS,
        places: Mapping[str, FloatArray] | None = None,
    ) -> Explanation:
        """What moved one case's estimate against the average development case, and where a network looked.

        `features` holds the one case, as for `predict_frame`; `places` says by sequence where its crop lies, index to
        RAS mm, (4, 4). Raises DataRefusal where the bundle has no model for this endpoint and input set.
        """
        unit, told = self.asked_unit(endpoint, inputs), self.reference
        frame = all_columns(features, [column.name for column in self.columns])
        population = Population(told["n"], told["features"])
        regions = sorted(self.recipe.regions) if self.recipe else []
        return explain_unit(unit, frame, population, crops=crops, places=places, regions=regions)

    def asked_unit(self, endpoint: str, inputs: str) -> TrainedUnit:
        """The unit for an endpoint and input set. Raises DataRefusal where the bundle has none."""
        name = f"{endpoint}.{inputs}"
        if name not in self.unit_names:
            raise DataRefusal(
                f"the bundle has no model for {endpoint} ({inputs})",
                expected=f"one of {', '.join(self.unit_names)}",
                next_step="none",
            )
        return self.unit(name)

    def predict(self, case: CaseInput, record: Mapping[str, Any]) -> pd.DataFrame:
        """One case from its files and its coded record (variable: value) to its risks.

        With each stands how much of what its model reads is known of the case, and no number but the reason where that
        is less than the bundle's `min_information` (`outcome.serving.known`).
        Raises DataRefusal where the record names a variable the dictionary does not know or a value it does not
        allow, or the mask is refused.
        """
        refuse_unfit(self.dictionary, record)
        frame, crops = self._row(case, record, self._measured(case))
        return with_information(self.predict_frame(frame, crops), self.information_frame(frame), self.min_information)

    def unlike_training(self, observed: pd.DataFrame) -> pd.DataFrame:
        """In what cases (index case_id) are unlike the training cases: `outcome.serving.unlike.WARNING_COLUMNS`.

        `observed`: features, and images at a glance and days between dates where known (`outcome.features.observed`).
        """
        return unlike_training(observed, self.reference, self.columns)

    def warnings(self, case: CaseInput, record: Mapping[str, Any]) -> pd.DataFrame:
        """The same for one case from its files and its coded record. Raises DataRefusal as `predict`."""
        refuse_unfit(self.dictionary, record)
        frame, _ = self._row(case, record, self._measured(case))
        recipe = self.recipe
        glance = (
            glance_case(case, segment_case(case, recipe, self.segmenter).mask, recipe)
            if recipe and has_mask(case, recipe)
            else {}
        )
        scans, start = pd.DataFrame([glance], index=frame.index), self.index_time
        named = [*early_dates(self.dictionary, start), *([start] if start else [])]
        dates = pd.DataFrame([{name: record.get(name) for name in named}], index=frame.index, dtype=object)
        return self.unlike_training(observed_frame(frame, scans, dates, self.dictionary, start))

    def outline_interval(
        self, case: CaseInput, record: Mapping[str, Any], repeats: int = 20, seed: int = 0, masks: Sequence[Path] = ()
    ) -> pd.DataFrame:
        """How far one case's risks move had its regions been outlined differently, everything else as it is.

        One row an endpoint, input set and horizon (`outcome.explain.outlines.OUTLINE_COLUMNS`): the risk as given, the
        5 % and 95 % quantile over the outlines, and the measurements that moved most. Outlines are `masks`, or where
        none is given `repeats` outlines drawn from the case's own (see `outcome.cases.drawn_outlines`). A case without
        a mask has no range; one whose mask is refused has neither risk nor range; `reason` says so. Raises DataRefusal
        as `predict` for the record, and for one of `masks` that is refused.
        """
        drawn = drawn_outlines(repeats, seed)
        kind = HANDED_OVER if masks else CHANGED
        return self._interval(case, record, lambda: self._outlines(case, drawn, masks), kind)

    def network_interval(self, case: CaseInput, record: Mapping[str, Any], masks: int = 20) -> pd.DataFrame:
        """How far one case's risks move over `masks` outlines of the bundle's network, cautious to generous.

        As `outline_interval`, with the outlines of `outcome.cases.several_masks`. Raises DataRefusal, beside what that
        raises, where masks are handed over or what draws them gives no probabilities.
        """
        return self._interval(case, record, lambda: self._by_network(case, masks), NETWORK)

    def _interval(
        self, case: CaseInput, record: Mapping[str, Any], outlines: Callable[[], list[Mapping[str, float]]], kind: str
    ) -> pd.DataFrame:
        refuse_unfit(self.dictionary, record)
        try:
            row, crops = self._row(case, record, self._measured(case))
        except DataRefusal as error:
            row, crops = self._row(case, record, None)
            return outline_table(self.units, row, (), crops, reason=str(error)).assign(risk=math.nan)
        table = outline_table(self.units, row, outlines(), crops, kind=kind)
        told = with_information(table, self.information_frame(row), self.min_information)
        return told.assign(reason=told["withheld"].where(told["withheld"] != "", told["reason"]))[list(OUTLINE_COLUMNS)]

    def _by_network(self, case: CaseInput, count: int) -> list[Mapping[str, float]]:
        recipe, network = self.recipe, self.segmenter
        if recipe is None or network is None:
            raise DataRefusal("this bundle's masks are handed over: it has no network", next_step="outline_interval")
        if not has_mask(case, recipe):
            return []
        return [*measure_masks(case, several_masks(case, recipe, network, count), recipe.measuring())]

    def _outlines(self, case: CaseInput, drawn: Sequence[Any], masks: Sequence[Path]) -> list[Mapping[str, float]]:
        """The measurements by each outline; none where the case has no mask."""
        recipe = self.recipe
        if recipe is None or not has_mask(case, recipe):
            return []
        if masks:
            given = replace(recipe, segmenter=GIVEN).measuring()
            return [processed(replace(case, mask=mask), given, None).features for mask in masks]
        return [*measure_repeats(case, segment_case(case, recipe, self.segmenter).mask, recipe.measuring(), drawn)]

    def _measured(self, case: CaseInput) -> CaseResult | None:
        """The case's measurements and crops, None where it has no mask. Raises DataRefusal where it is refused."""
        recipe = self.recipe
        return processed(case, recipe, self.segmenter) if recipe and has_mask(case, recipe) else None

    def _row(self, case: CaseInput, record: Mapping[str, Any], result: CaseResult | None) -> tuple[pd.DataFrame, Crops]:
        return case_row(case, record, result, self.recipe, self.dictionary, self.columns)
