"""LightGBM's model text, read through before LightGBM reads it: its own reader believes what it is told.

A child that stands outside the tree, a node that is its own ancestor or a block that is longer than stated sends
native code out of its memory or round in a circle for ever. The form is version v4 of the library's
`src/boosting/gbdt_model_text.cpp` and `src/io/tree.cpp`. A number of a leaf is stored as its bit complement (~leaf).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

LARGEST = 16 * 1024**2
MOST_TREES, MOST_LEAVES, MOST_FEATURES = 10_000, 4096, 100_000
VERSIONS = ("v3", "v4")
_OBJECTIVE = re.compile(r"binary sigmoid:1|poisson|regression")
_WORD = re.compile(r"[A-Za-z0-9_]{1,200}")
_PARAMETER = re.compile(r"\[[a-z0-9_]{1,60}: [^\[\]]{0,4000}\]")
_REACHES_OUT = ("data", "valid", "machines", "machine_list_filename", "forcedsplits_filename", "forcedbins_filename",
                "parser_config_file", "input_model", "output_model", "convert_model")  # fmt: skip
_HEAD = {"version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
         "feature_names", "feature_infos", "tree_sizes"}  # fmt: skip
_BY_SPLIT = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
             "internal_value", "internal_weight", "internal_count")  # fmt: skip
_BY_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_SINGLE = {"num_leaves", "num_cat", "is_linear", "shrinkage"}
_END = "end of trees\n"


def check_boosting_text(text: str) -> int:
    """How many columns the trees read. Raises ValueError with the reason in a few words."""
    if len(text) > LARGEST or not text.isascii():
        raise ValueError("trees that are no text, or too long a one")
    head, _, rest = text.partition("\n\n")
    told = _lines(head.removeprefix("tree\n"), _HEAD)
    columns = _whole(told["max_feature_idx"]) + 1
    _check_head(told, columns)
    trees, end, tail = rest.partition(_END)
    sizes = [_whole(size) for size in told["tree_sizes"].split()]
    if not end or len(sizes) > MOST_TREES or sum(sizes) != len(trees):
        raise ValueError(f"{len(sizes)} trees of {sum(sizes)} bytes in all, found {len(trees)}")
    at = 0
    for number, size in enumerate(sizes):
        _check_tree(trees[at : at + size], number, columns)
        at += size
    _check_tail(tail)
    return columns


def _check_head(told: dict[str, str], columns: int) -> None:
    one = all(told[name] == "1" for name in ("num_class", "num_tree_per_iteration"))
    if told["version"] not in VERSIONS or not one or not 0 < columns <= MOST_FEATURES:
        raise ValueError(f"trees of version {told['version'][:10]} for {columns} columns")
    if not _OBJECTIVE.fullmatch(told["objective"]):
        raise ValueError(f"trees for the objective {told['objective'][:40]}")
    names, infos = told["feature_names"].split(" "), told["feature_infos"].split(" ")
    if len(names) != columns or len(infos) != columns or not all(_WORD.fullmatch(name) for name in names):
        raise ValueError(f"{len(names)} names of {columns} columns")


def _check_tree(block: str, number: int, columns: int) -> None:
    head, _, lines = block.partition("\n")
    if head != f"Tree={number}" or not block.endswith("\n\n"):
        raise ValueError(f"no tree {number} where it is said to stand")
    told = _lines(lines.strip("\n"), {*_BY_SPLIT, *_BY_LEAF, *_SINGLE})
    leaves = _whole(told["num_leaves"])
    if not 1 <= leaves <= MOST_LEAVES or told["num_cat"] != "0" or told["is_linear"] != "0":
        raise ValueError(f"tree {number} with {leaves} leaves")
    _finite([told["shrinkage"]], 1)
    splits = {name: told[name].split() for name in _BY_SPLIT}
    for name in ("split_gain", "threshold", "internal_value", "internal_weight", "internal_count"):
        _finite(splits[name], leaves - 1)
    _finite(told["leaf_value"].split(), leaves)
    for name in ("leaf_weight", "leaf_count"):
        _finite(told[name].split(), leaves if leaves > 1 else None)
    if any(not 0 <= _whole(word) < columns for word in splits["split_feature"]):
        raise ValueError(f"tree {number} reads a column that is none of {columns}")
    if any(_whole(word) not in range(0, 16, 2) for word in splits["decision_type"]):
        raise ValueError(f"tree {number} decides in a way that training does not use")
    if not len(splits["split_feature"]) == len(splits["decision_type"]) == leaves - 1:
        raise ValueError(f"tree {number} with {leaves} leaves and {len(splits['split_feature'])} splits")
    _check_children(splits["left_child"], splits["right_child"], leaves, number)


def _check_children(left: Sequence[str], right: Sequence[str], leaves: int, number: int) -> None:
    """Every split but the first, and every leaf, is the child of one earlier split: so nothing goes in a circle."""
    if len(left) != leaves - 1 or len(right) != leaves - 1:
        raise ValueError(f"tree {number} with {leaves} leaves and {len(left)} and {len(right)} children")
    seen: list[int] = []
    for split, pair in enumerate(zip(left, right, strict=True)):
        for child in map(_whole, pair):
            if child >= 0 and child <= split:
                raise ValueError(f"tree {number} in a circle at split {split}")
            seen.append(child)
    wanted = [*range(-leaves, 0), *range(1, leaves - 1)] if leaves > 1 else []
    if sorted(seen) != wanted:
        raise ValueError(f"tree {number} with children that are none of its splits and leaves")


def _check_tail(tail: str) -> None:
    """What follows the trees: how much each column was used, the settings of training, and no categories of pandas."""
    used, _, rest = tail.partition("\nparameters:\n")
    settings, end, last = rest.partition("\nend of parameters\n")
    counted = used.removeprefix("\nfeature_importances:\n").split("\n")
    for line in filter(None, counted):
        name, _, count = line.partition("=")
        if not _WORD.fullmatch(name) or _whole(count) < 0:
            raise ValueError("importances that are none")
    for line in filter(None, settings.split("\n")):
        if not _PARAMETER.fullmatch(line):
            raise ValueError("settings of training that are none")
        name, _, value = line[1:-1].partition(": ")
        if name in _REACHES_OUT and value:
            raise ValueError(f"a setting that names a file or a machine ({name})")
    if not end or last.strip() != "pandas_categorical:null":
        raise ValueError("trees that do not end as training writes them")


def _lines(text: str, names: set[str]) -> dict[str, str]:
    """`name=value` lines, each of these names once and no other."""
    pairs = [line.partition("=")[::2] for line in text.split("\n")]
    told = dict(pairs)
    if set(told) != names or len(pairs) != len(names):
        odd = sorted(set(told) ^ names)
        raise ValueError(f"trees without {odd[0][:40]}, or with a line too many" if odd else "a line that stands twice")
    return told


def _whole(word: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", word):
        raise ValueError(f"{word[:20]!r} is no whole number")
    return int(word)


def _finite(words: Sequence[str], count: int | None) -> None:
    if count is not None and len(words) != count:
        raise ValueError(f"{len(words)} numbers in place of {count}")
    if not all(math.isfinite(float(word)) for word in words):
        raise ValueError("numbers that are not finite")
