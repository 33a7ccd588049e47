# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Subgroups in KiTS23
#
# *Research use only — not a medical device.* Set `OUTCOME_STORE` to a store in which `configs/kits23.yaml` was run
# (`outcome run configs/kits23.yaml --store store`), then run all cells. Every number and figure comes from
# `outcome.evaluation` and `outcome.report`; the notebook learns nothing and chooses no threshold.

# %%
from outcome.config import Subgroup
from store_cases import by_missing_block, by_variables, measured, show, side_by_side, studies

STUDY, ENDPOINT, INPUTS = "kits23", "any_complication", "preoperative"
found = studies()
study = found[STUDY]
list(study.metrics["partitions"])

# %% [markdown]
# The later batch holds few events, so most of its groups are withheld: both batches are shown, the development cases by
# their out-of-fold predictions.

# %%
BATCHES = ("development", "later_batch")
DEMOGRAPHICS = [
    Subgroup(variable="age_at_nephrectomy", cut=(65.0,), label="Age"),
    Subgroup(variable="gender", label="Gender"),
    Subgroup(variable="bmi", cut=(30.0,), label="Body mass index"),
]
CONDITIONS = [
    Subgroup(variable="uncomplicated_diabetes_mellitus", label="Diabetes"),
    Subgroup(variable="chronic_kidney_disease", label="Chronic kidney disease"),
    Subgroup(variable="radiographic_size", cut=(4.0, 7.0), label="Tumour diameter"),
]

# %% [markdown]
# ## Demographics

# %%
for batch in BATCHES:
    show(measured(study, batch, ENDPOINT, INPUTS, by_variables(study, DEMOGRAPHICS)))

# %% [markdown]
# ## Clinical conditions

# %%
for batch in BATCHES:
    show(measured(study, batch, ENDPOINT, INPUTS, by_variables(study, CONDITIONS)))

# %% [markdown]
# ## Hospitals
# KiTS23 comes from one health system and does not name hospitals: they cannot be compared. Its two batches differ in time,
# and are shown instead.

# %%
side_by_side({STUDY: study}, ENDPOINT, INPUTS)

# %% [markdown]
# ## Missing modalities
# Cases with and without each block of inputs.

# %%
for batch in BATCHES:
    show(measured(study, batch, ENDPOINT, INPUTS, by_missing_block(study)))

# %% [markdown]
# ## What this cannot show
# - Anything about other institutions: batches of one health system are time, not hospitals.
# - That groups are alike: with so few events a large difference goes unseen (see the smallest detectable gap in the report).
# - What a missing value does: kidney function above a limit was removed from the record, so gaps there go with health.
# - Effects of what was planned as against done: the record holds the procedure that was performed.
