"""The Revised Cardiac Risk Index: how many of six risk factors for a major cardiac complication does a case have?

References: Lee TH, Marcantonio ER, Mangione CM, et al. Derivation and prospective validation of a simple index for
prediction of cardiac risk of major noncardiac surgery. Circulation 1999;100:1043-1049. doi:10.1161/01.CIR.100.10.1043
"""

from __future__ import annotations

from functools import partial

from outcome.scores.definition import Item, ScoreDefinition
from outcome.scores.weighing import counted

_ITEMS = (
    Item("high_risk_surgery", "intraperitoneal, intrathoracic or suprainguinal vascular surgery"),
    Item("ischaemic_heart_disease", "history of ischaemic heart disease"),
    Item("heart_failure", "history of congestive heart failure"),
    Item("cerebrovascular_disease", "history of stroke or transient ischaemic attack"),
    Item("insulin", "treatment with insulin before surgery"),
    Item("creatinine_above_2", "serum creatinine before surgery above 2.0 mg/dL (177 µmol/L)"),
)
RCRI = ScoreDefinition(
    name="rcri",
    label="Revised Cardiac Risk Index",
    items=_ITEMS,
    points=partial(counted, names=tuple(item.name for item in _ITEMS)),
    low=0.0,
    high=float(len(_ITEMS)),
    citation="Lee et al. 1999, doi:10.1161/01.CIR.100.10.1043",
    risk={0: 0.005, 1: 0.013, 2: 0.04, 3: 0.09},  # of the derivation cohort, 2,893 patients, rounded as printed
    risk_of="major cardiac complication after elective major noncardiac surgery",
)
