"""What is asked of which cases? The study file: table, images, inclusion, endpoints, partitions, training."""

from outcome.config.comparison import Comparator, MeasuredScore, PublishedScore, Reader, Score
from outcome.config.computed_score import CodeList, ComputedScore
from outcome.config.conditions import Condition
from outcome.config.endpoints import (
    AlivePart,
    BinaryEndpoint,
    ContinuousEndpoint,
    DurationEndpoint,
    Endpoint,
    OrdinalEndpoint,
    Part,
    TimeToEventEndpoint,
)
from outcome.config.environment import expand
from outcome.config.imaging import MaskSource, Segmenter
from outcome.config.loading import load_mapping, load_study, placed, study_from_resolved
from outcome.config.mapping import FhirMapping, OmopMapping
from outcome.config.order import in_order, name_orders
from outcome.config.schema import mapping_schema, study_schema, write_schema
from outcome.config.study import InclusionCriterion, Partition, Study, Subgroup
from outcome.config.table import TableSource
from outcome.config.training import Training

__all__ = [
    "AlivePart",
    "BinaryEndpoint",
    "CodeList",
    "Comparator",
    "ComputedScore",
    "Condition",
    "ContinuousEndpoint",
    "DurationEndpoint",
    "Endpoint",
    "FhirMapping",
    "InclusionCriterion",
    "MaskSource",
    "MeasuredScore",
    "OmopMapping",
    "OrdinalEndpoint",
    "Part",
    "Partition",
    "PublishedScore",
    "Reader",
    "Score",
    "Segmenter",
    "Study",
    "Subgroup",
    "TableSource",
    "TimeToEventEndpoint",
    "Training",
    "expand",
    "in_order",
    "load_mapping",
    "load_study",
    "mapping_schema",
    "name_orders",
    "placed",
    "study_from_resolved",
    "study_schema",
    "write_schema",
]
