"""Attacks by parts that are well formed, with right hashes, and do not go together or go round in a circle."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bundle_attacks.contents import Attack, holds, swaps
from tests.bundle_attacks.sealing import Files, in_arrays, in_json
from tests.tiny_bundle import BOOSTED, COX

TREES, FOREST = f"{BOOSTED}/procedure.txt", f"{BOOSTED}/rung_1"
LINEAR, REFITS = f"{BOOSTED}/rung_0", f"{COX}/ensemble"


def _tree_line(name: str, change: Callable[[list[str]], list[str]]) -> Attack:
    """Change the words of the first line of this name among the trees, and state the sizes of the trees anew."""

    def spoil(files: Files) -> None:
        text = files[TREES].decode()
        old = re.search(rf"^{name}=(.*)$", text[text.index("Tree=0") :], re.MULTILINE)
        assert old is not None
        new = f"{name}=" + " ".join(change(old[1].split()))
        start, rest = text.split("Tree=0", 1)
        text = _resized(f"{start}Tree=0{rest.replace(old[0], new, 1)}")
        files[TREES] = text.encode()

    return spoil


def _resized(text: str) -> str:
    trees = text[text.index("Tree=0") : text.index("end of trees")]
    sizes = [len(f"Tree={part}") for part in trees.split("Tree=")[1:]]
    return re.sub(r"^tree_sizes=.*$", "tree_sizes=" + " ".join(map(str, sizes)), text, flags=re.MULTILINE)


def _first(word: str) -> Callable[[list[str]], list[str]]:
    return lambda words: [word, *words[1:]]


def _forest(**changes: Callable[[Any], Any]) -> Attack:
    def change(arrays: dict[str, Any]) -> None:
        for name, make in changes.items():
            arrays[f"model.{name}"] = make(arrays[f"model.{name}"])

    return in_arrays(f"{FOREST}.npz", change)


def _set(place: int, value: Any) -> Callable[[Any], Any]:
    def make(array: Any) -> Any:
        made = array.copy()
        made[place] = value
        return made

    return make


def _linear(array: Any) -> Attack:
    return in_arrays(f"{LINEAR}.npz", lambda arrays: arrays.update({"model.coefficients": array}))


def _numbers(name: str, *path: Any, value: Any) -> Attack:
    """Another value at a place of a JSON file."""

    def change(told: Any) -> None:
        for step in path[:-1]:
            told = told[step]
        told[path[-1]] = value

    return in_json(name, change)


def _refit(name: str, make: Callable[[Any], Any]) -> Attack:
    return in_arrays(f"{REFITS}.npz", lambda arrays: arrays.update({name: make(arrays[name])}))


def _without(name: str) -> Attack:
    return lambda files: files.pop(name) and None


PART_ATTACKS: dict[str, Attack] = {
    "trees_in_a_circle": _tree_line("left_child", _first("0")),
    "trees_child_outside": _tree_line("left_child", _first("1000000")),
    "trees_leaf_outside": _tree_line("right_child", _first("-1000000")),
    "trees_leaf_twice": _tree_line("right_child", lambda words: [*words[:-1], "-1"]),
    "trees_column_outside": _tree_line("split_feature", _first("77")),
    "trees_column_below_zero": _tree_line("split_feature", _first("-1")),
    "trees_of_few_leaves": _tree_line("num_leaves", lambda _: ["2"]),
    "trees_of_many_leaves": _tree_line("num_leaves", lambda _: ["100000000"]),
    "trees_of_no_leaves": _tree_line("num_leaves", lambda _: ["0"]),
    "trees_short": _tree_line("threshold", lambda words: words[:-1]),
    "trees_nan": _tree_line("threshold", _first("nan")),
    "trees_infinite": _tree_line("leaf_value", _first("inf")),
    "trees_of_categories": _tree_line("num_cat", lambda _: ["1"]),
    "trees_deciding_by_category": _tree_line("decision_type", _first("1")),
    "trees_linear": _tree_line("is_linear", lambda _: ["1"]),
    "trees_line_twice": swaps(TREES, b"num_cat=0\n", b"num_cat=0\nnum_cat=0\n"),
    "trees_longer_than_stated": swaps(TREES, b"shrinkage=1\n", b"shrinkage=1\n\n\n\n\n"),
    "trees_size_of_another": holds(TREES, lambda data: re.sub(rb"tree_sizes=\d+", b"tree_sizes=99999999", data)),
    "trees_of_many_classes": swaps(TREES, b"num_class=1\n", b"num_class=9999\n"),
    "trees_many_a_round": swaps(TREES, b"num_tree_per_iteration=1\n", b"num_tree_per_iteration=9\n"),
    "trees_for_another_end": swaps(TREES, b"objective=binary sigmoid:1", b"objective=custom"),
    "trees_of_a_later_version": swaps(TREES, b"version=v4", b"version=v9"),
    "trees_without_names": swaps(TREES, b"feature_names=", b"feature_names=x "),
    "trees_of_other_columns": holds(
        TREES,
        lambda data: (
            data.replace(b"max_feature_idx=1", b"max_feature_idx=2")
            .replace(b"feature_names=", b"feature_names=x ")
            .replace(b"feature_infos=", b"feature_infos=none ")
        ),
    ),
    "trees_to_a_machine": swaps(TREES, b"[machines: ]", b"[machines: 10.0.0.1:80]"),
    "trees_from_a_file": swaps(TREES, b"[data: ]", b"[data: /etc/passwd]"),
    "trees_with_categories_of_pandas": swaps(TREES, b"pandas_categorical:null", b"pandas_categorical:[[1]]"),
    "trees_cut": holds(TREES, lambda data: data[: len(data) // 2]),
    "trees_empty": holds(TREES, b""),
    "forest_in_a_circle": _forest(left=_set(0, 0)),
    "forest_going_back": _forest(right=_set(2, 0), left=_set(2, 1)),
    "forest_child_outside": _forest(left=_set(0, 10_000)),
    "forest_root_outside": _forest(roots=_set(0, 10_000)),
    "forest_root_below_zero": _forest(roots=_set(0, -5)),
    "forest_without_roots": _forest(roots=lambda array: array[:0]),
    "forest_column_outside": _forest(feature=_set(0, 77)),
    "forest_column_below_zero": _forest(feature=_set(0, -1)),
    "forest_short": _forest(value=lambda array: array[:-1]),
    "forest_of_fractions": _forest(left=lambda array: array.astype(float)),
    "forest_of_two_axes": _forest(left=lambda array: array[:, None]),
    "forest_otherwise_linked": _numbers(f"{FOREST}.json", "model", "scorer", "link", value="exec"),
    "linear_longer": _linear(np.zeros(5)),
    "linear_shorter": _linear(np.zeros(1)),
    "linear_empty": _linear(np.zeros(0)),
    "linear_of_two_axes": _linear(np.zeros((2, 2))),
    "linear_without_numbers": in_arrays(f"{LINEAR}.npz", lambda arrays: arrays.clear()),
    "linear_level_in_words": _numbers(f"{LINEAR}.json", "model", "scorer", "intercept", value="a"),
    "linear_level_none": _numbers(f"{LINEAR}.json", "model", "scorer", "intercept", value=None),
    "scorer_unknown": _numbers(f"{LINEAR}.json", "model", "scorer", "type", value="os.system"),
    "kind_of_endpoint_unknown": _numbers(f"{LINEAR}.json", "model", "kind", value="any"),
    "kind_of_endpoint_other": _numbers("config.json", "endpoints", "died", value={
        "kind": "continuous", "variable": "age"}),
    "calibration_none": _numbers(f"{LINEAR}.json", "calibrator", "slope", value=None),
    "calibration_of_lists": _numbers(f"{LINEAR}.json", "calibrator", "intercept", value=[1, 2]),
    "threshold_in_words": _numbers(f"{LINEAR}.json", "threshold", "value", value="half"),
    "preparation_divides_by_zero": _numbers(f"{LINEAR}.json", "preprocessor", "outputs", 0, "sd", value=0),
    "preparation_of_another_column": _numbers(f"{LINEAR}.json", "preprocessor", "outputs", 0, "source", value="x"),
    "preparation_unknown": _numbers(f"{LINEAR}.json", "preprocessor", "outputs", 0, "role", value="eval"),
    "preparation_with_more": _numbers(f"{LINEAR}.json", "preprocessor", "outputs", 0, "run", value="rm"),
    "preparation_empty": _numbers(f"{LINEAR}.json", "preprocessor", "outputs", value=[]),
    "hazard_falling": _numbers(f"{COX}/procedure.json", "chosen", "calibrator", "baseline", "event", 0, value=-1.0),
    "hazard_going_back": _numbers(f"{COX}/procedure.json", "chosen", "calibrator", "baseline", "times", 0, value=1e9),
    "hazard_longer": _numbers(f"{COX}/procedure.json", "chosen", "calibrator", "baseline", "event", value=[0.1]),
    "hazard_absent": _numbers(f"{COX}/procedure.json", "chosen", "calibrator", "baseline", value=None),
    "refit_of_another_column": _refit("0.outputs", _set(0, 77)),
    "refit_of_a_column_below_zero": _refit("0.outputs", _set(0, -1)),
    "refit_longer": _refit("1.model.coefficients", lambda array: np.append(array, 1.0)),
    "refit_shorter": _refit("1.learned", lambda array: array[:-1]),
    "refit_of_words_only": _numbers(f"{REFITS}.json", "members", value="ab"),
    "unit_of_another_endpoint": _numbers(f"{BOOSTED}/unit.json", "endpoint", value="relapse"),
    "unit_of_an_unknown_endpoint": _numbers(f"{BOOSTED}/unit.json", "endpoint", value="x"),
    "unit_of_unknown_inputs": _numbers(f"{BOOSTED}/unit.json", "inputs", value="everything"),
    "unit_of_forged_heat_maps": _numbers(
        f"{BOOSTED}/unit.json", "ladder", "heat_maps",
        value={"rung": "x", "sequences": {"ct": {"cases": 8, "weights": 0.9, "labels": 0.9, "inside": {},
               "deletion_gain": 0.1, "insertion_gain": 0.1, "limit": 0.5, "passed": True}}},
    ),
    "unit_of_heat_maps_that_are_none": _numbers(f"{BOOSTED}/unit.json", "ladder", "heat_maps", value=[1]),
    "unit_no_list": holds(f"{BOOSTED}/unit.json", b"[]"),
    "unit_without_rung": _without(f"{BOOSTED}/rung_1.json"),
    "unit_without_arrays": _without(f"{BOOSTED}/rung_1.npz"),
    "unit_without_table": _without(f"{BOOSTED}/out_of_fold.parquet"),
    "unit_without_itself": _without(f"{BOOSTED}/unit.json"),
    "columns_other": _numbers("columns.json", 0, "kind", value="boolean"),
    "columns_renamed": _numbers("columns.json", 0, "name", value="clinical:weight"),
    "columns_twice": in_json("columns.json", lambda told: told.append(told[0])),
    "columns_after_surgery": _numbers("columns.json", 0, "availability", value="postoperative"),
    "columns_none": holds("columns.json", b"null"),
    "config_absent": _without("config.json"),
    "config_with_more": _numbers("config.json", "run", value="rm"),
    "config_empty": holds("config.json", b"{}"),
    "dictionary_empty": holds("dictionary.csv", b""),
    "dictionary_of_another_form": holds("dictionary.csv", b"a,b\n1,2\n"),
    "recipe_of_words": holds("recipe.json", b'"run"'),
    "recipe_with_more": holds("recipe.json", b'{"regions": {}, "families": [], "crop": null, "run": "rm"}'),
    "recipe_of_endless_crops": holds("recipe.json", b'{"regions": {"a": 1}, "families": [], "crop": {"region": "a", '
        b'"sequences": {"ct": "hu"}, "size": [100000, 100000, 100000], "extent": [1, 1, 1]}}'),
    "recipe_of_an_absent_network": holds("recipe.json", b'{"regions": {"a": 1}, "families": [], "crop": null, '
        b'"segmenter": "unet:000000000000"}'),
    "reference_of_nobody": _numbers("reference.json", "n", value=-1),
    "reference_no_list": holds("reference.json", b"[]"),
}  # fmt: skip
