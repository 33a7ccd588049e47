"""Published scores computed from the record: items or ICD-10 codes in, points out. Nothing is learned from data."""

from outcome.scores.asa import asa_classes
from outcome.scores.definition import CODES, Item, ItemKind, MissingRule, ScoreDefinition
from outcome.scores.icd10 import SEPARATORS, CodeLists, conditions_of, read_code_lists
from outcome.scores.registry import SCORES, score_named
from outcome.scores.scoring import Scored, compute_score, from_codes, item_problem, rule_problem

__all__ = [
    "CODES",
    "SCORES",
    "SEPARATORS",
    "CodeLists",
    "Item",
    "ItemKind",
    "MissingRule",
    "ScoreDefinition",
    "Scored",
    "asa_classes",
    "compute_score",
    "conditions_of",
    "from_codes",
    "item_problem",
    "read_code_lists",
    "rule_problem",
    "score_named",
]
