"""A frozen bundle at work: what a stage, the dashboard or another program needs to turn cases into risks."""

from outcome.cases import Plane, Upright
from outcome.explain.heat import HeatMap
from outcome.explain.shapley import BlockContribution
from outcome.explain.unit import Explanation
from outcome.serving.case import SEGMENTER_FILE, bundle_segmenter
from outcome.serving.model import RiskModel
from outcome.serving.similar import Similar, similar_cases
from outcome.serving.stored import ENTERED, as_entered, case_explanation, case_view, stored_case
from outcome.serving.what_if import Changeable, WhatIf, case_what_if, what_if, what_may_change

__all__ = [
    "ENTERED",
    "SEGMENTER_FILE",
    "BlockContribution",
    "Changeable",
    "Explanation",
    "HeatMap",
    "Plane",
    "RiskModel",
    "Similar",
    "Upright",
    "WhatIf",
    "as_entered",
    "bundle_segmenter",
    "case_explanation",
    "case_view",
    "case_what_if",
    "similar_cases",
    "stored_case",
    "what_if",
    "what_may_change",
]
