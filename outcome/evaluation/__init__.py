"""How good are the risks? Numbers with intervals, from outcomes and predictions alone; no model is developed here.

`evaluate_target` and `difference` in `summary` are the two entries that the rest of the house calls.
"""

from outcome.evaluation.kinds import PRIMARY_METRIC
from outcome.evaluation.summary import Evaluation, difference, evaluate_target

__all__ = ["PRIMARY_METRIC", "Evaluation", "difference", "evaluate_target"]
