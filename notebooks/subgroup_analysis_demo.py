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
# # Subgroups in a synthetic study of several hospitals
#
# *Research use only — not a medical device.* Set `OUTCOME_STORE` to a store that `outcome demo` wrote (its folder
# `store`), then run all cells. Every number and figure comes from `outcome.evaluation` and `outcome.report`: the notebook
# computes nothing of its own, learns nothing, and chooses no threshold.

# %%
from outcome.config import Subgroup
from store_cases import by_hospital, by_missing_block, by_variables, measured, show, side_by_side, studies

ENDPOINT, INPUTS = "any_complication", "preoperative"
found = studies()
list(found)

# %% [markdown]
# The cases looked at: those no model was learned from, where the store has any; else the development cases, by their
# out-of-fold predictions.

# %%
places = [(study, name) for study in found.values() for name in study.metrics["partitions"]]
new = [(study, name) for study, name in places if study.metrics["partitions"][name]["relation"] != "development"]
study, partition = (new or places)[0]
print(study.metrics["title"], "·", partition, "·", study.metrics["partitions"][partition]["n"], "cases")

# %% [markdown]
# ## Demographics
# Age and sex. A group of fewer than 5 cases is hidden, and one with too few events has its number withheld.

# %%
demographics = [Subgroup(variable="age_years", cut=(65.0,), label="Age"), Subgroup(variable="sex", label="Sex")]
show(measured(study, partition, ENDPOINT, INPUTS, by_variables(study, demographics)))

# %% [markdown]
# ## Clinical conditions

# %%
conditions = [
    Subgroup(variable="diabetes", label="Diabetes"),
    Subgroup(variable="asa_class", label="ASA class"),
    Subgroup(variable="bmi", cut=(30.0,), label="Body mass index"),
    Subgroup(variable="tumor_size_cm", cut=(4.0, 7.0), label="Tumour diameter"),
]
show(measured(study, partition, ENDPOINT, INPUTS, by_variables(study, conditions)))

# %% [markdown]
# ## Hospitals
# The same frozen model at each hospital of the store. Development cases stand by their out-of-fold predictions, which come
# from other models of the same kind: compare hospitals that had no part in making the model with one another first.

# %%
show(measured(study, partition, ENDPOINT, INPUTS, by_hospital(study)))
side_by_side(found, ENDPOINT, INPUTS)

# %% [markdown]
# ## Missing modalities
# Cases with and without each block of inputs (genomics, image, radiomics, …). Who lacks a block was not drawn by lot: a
# difference says where to look, not what the missing block costs.

# %%
show(measured(study, partition, ENDPOINT, INPUTS, by_missing_block(study)))

# %% [markdown]
# ## What this cannot show
# - The cases are synthetic: nothing here says anything about patients.
# - A group whose interval is wide may hide a real difference; no test that finds nothing proves that groups are alike.
# - Groups were looked at one variable at a time; intervals are not adjusted for their number, the p-values are.
# - Why a group differs. Case mix, coding, missing inputs and chance all look the same here.
