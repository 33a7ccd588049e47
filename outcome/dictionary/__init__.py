"""What does each column of a study's table mean? A REDCap data dictionary with our tags, as typed variables."""

from outcome.dictionary.codebook import codebook, readme
from outcome.dictionary.collection import DataDictionary
from outcome.dictionary.nearest import nearest
from outcome.dictionary.redcap import HEADER
from outcome.dictionary.variable import Availability, Choice, Role, Variable, VariableKind

__all__ = [
    "HEADER",
    "Availability",
    "Choice",
    "DataDictionary",
    "Role",
    "Variable",
    "VariableKind",
    "codebook",
    "nearest",
    "readme",
]
