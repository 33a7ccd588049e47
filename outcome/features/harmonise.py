"""Numbers from several sites made comparable: ComBat, learned on training rows only and applied anywhere.

x = mean + covariates @ effects + spread * (shift[site] + scale[site] * noise). Shift and scale are drawn towards what
the other features of the site show; the part that covariates explain stays. Nothing here reads an outcome.

References: [1] Johnson, Li & Rabinovic, Biostatistics 2007, doi:10.1093/biostatistics/kxj037. [2] Fortin et al.,
NeuroImage 2018, doi:10.1016/j.neuroimage.2017.11.024.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal
from outcome.features.batch_model import BatchModel, Names, fit_batch_model
from outcome.features.shrinkage import Prior, common_prior, describe, own_prior, shrink
from outcome.types import FloatArray

LEAST_CASES = 3  # a training site with fewer cases enters as a new site would


@dataclass(frozen=True, eq=False)
class SiteEffect:
    """How a site's numbers differ, in standard deviations of each harmonised column, (p,); `n_cases` it rests on.

    `entered`: estimated with the priors of the other sites, not with its own.
    """

    shift: FloatArray
    scale: FloatArray
    n_cases: int
    entered: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "shift": self.shift.tolist(),
            "scale": self.scale.tolist(),
            "n_cases": self.n_cases,
            "entered": self.entered,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SiteEffect:
        shift, scale = (np.array(data[name], dtype=float) for name in ("shift", "scale"))
        return cls(shift, scale, int(data["n_cases"]), bool(data["entered"]))


@dataclass(frozen=True, eq=False)
class Harmoniser:
    """A fitted harmonisation: plain numbers only. `untouched` holds (column, reason).

    Raises ValueError where a site does not fit the columns.
    """

    model: BatchModel
    sites: Mapping[str, SiteEffect]
    prior: Prior
    untouched: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        p = len(self.model.columns)
        for name, site in self.sites.items():
            if site.shift.shape != (p,) or site.scale.shape != (p,) or not (site.scale > 0).all():
                raise ValueError(f"site {name!r} needs a shift and a scale above 0 for each of {p} columns")

    def transform(self, rows: pd.DataFrame, site: str | Sequence[str]) -> pd.DataFrame:
        """A copy of `rows` with the harmonised columns on the common scale; missing stays missing.

        `site`: one name for all rows, or one a row. Raises DataRefusal for a site that is not known, an absent column
        and a number of names that is not that of the rows.
        """
        names = site_names(site, len(rows))
        unknown = sorted(set(names) - set(self.sites))
        if unknown:
            raise DataRefusal(
                "a site is not known to the harmonisation",
                expected=f"one of {sorted(self.sites)}",
                found=str(unknown),
                next_step="let it enter with some of its cases (with_site)",
            )
        return self.transform_expected(rows, names)

    def transform_expected(self, rows: pd.DataFrame, site: Sequence[str] | Names) -> pd.DataFrame:
        """As `transform`, with cases of sites that are not known ("" among them) as a site without cases.

        That is what the training sites lead to expect of any site: no shift, and their usual scale.
        """
        names, z = np.asarray(site, dtype=np.str_), self.model.standardise(rows)
        known = np.isin(names, list(self.sites))
        z[~known] = (z[~known] - self.prior.shift) / np.sqrt(self.prior.rate / (self.prior.shape - 1))
        for name in set(names[known]):
            mine, effect = names == name, self.sites[str(name)]
            z[mine] = (z[mine] - effect.shift) / effect.scale
        return self.model.put_back(rows, z)

    def with_site(self, site: str, rows: pd.DataFrame) -> Harmoniser:
        """This harmonisation and one more site, from some of its cases without outcomes; the others stay as they are.

        The fewer the cases, the more shift and scale stay at what the training sites lead to expect (no shift).
        Raises DataRefusal for a site already known and for no case.
        """
        if site in self.sites or not len(rows):
            raise DataRefusal(
                "a site cannot enter the harmonisation",
                expected="a new name and one case or more",
                found=f"{site!r} with {len(rows)} cases; known are {sorted(self.sites)}",
                next_step="give the site another name, or hand over some of its cases",
            )
        effect = SiteEffect(*shrink(describe(self.model.standardise(rows)), self.prior), len(rows), True)
        return replace(self, sites={**self.sites, site: effect})

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model.to_json(),
            "sites": {name: effect.to_json() for name, effect in self.sites.items()},
            "prior": self.prior.to_json(),
            "untouched": [list(row) for row in self.untouched],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Harmoniser:
        sites = {name: SiteEffect.from_json(effect) for name, effect in data["sites"].items()}
        untouched = tuple((name, reason) for name, reason in data["untouched"])
        return cls(BatchModel.from_json(data["model"]), sites, Prior.from_json(data["prior"]), untouched)


def fit_harmoniser(
    rows: pd.DataFrame, sites: Sequence[str], columns: Sequence[str], covariates: Sequence[str] = ()
) -> Harmoniser:
    """Learn from these rows, and no others, how each site's numbers differ.

    `sites` names one a row; `columns` are numeric, NaN where missing; what `covariates` (numeric or 0/1, known before
    surgery, never the outcome) explain is kept. A site with fewer than 3 cases enters with the priors of the others.
    A column that is constant at a site, or known there in fewer than two cases, is left as it is, with the reason.
    Raises DataRefusal for fewer than two sites of 3 cases or more, absent columns, a row without a site, and a
    covariate that cannot be told from the site.
    """
    names = site_names(sites, len(rows))
    large, small = _by_size(names)
    fitted = np.isin(names, large)
    model, untouched = fit_batch_model(rows[fitted], names[fitted], columns, covariates)
    z = model.standardise(rows)
    samples = {name: describe(z[names == name]) for name in large}
    effects = {}
    for name, sample in samples.items():
        n_cases = int((names == name).sum())
        effects[name] = SiteEffect(*shrink(sample, own_prior(sample)), n_cases, False)
    harmoniser = Harmoniser(model, effects, common_prior(list(samples.values())), untouched)
    for name in small:
        harmoniser = harmoniser.with_site(name, rows[names == name])
    return harmoniser


def site_names(site: str | Sequence[str], n: int) -> Names:
    """One site name a row, (n,). Raises DataRefusal for another number of names and for rows without a site."""
    given = [site] * n if isinstance(site, str) else list(site)
    without = sum(not isinstance(name, str) or not name for name in given)
    if len(given) != n or without:
        raise DataRefusal(
            "cases cannot be told apart by site",
            expected=f"a site name for each of {n} cases",
            found=f"{len(given)} names, {without} of them empty or no text",
            next_step="complete the site column, or leave harmonisation out",
        )
    return np.array(given, dtype=np.str_)


def _by_size(names: Names) -> tuple[list[str], list[str]]:
    found, counts = np.unique(names, return_counts=True)
    large = [str(name) for name in found[counts >= LEAST_CASES]]
    if len(large) < 2:
        raise DataRefusal(
            "there is nothing to harmonise",
            expected=f"two sites or more with {LEAST_CASES} cases or more",
            found=f"{len(large)} such of {len(found)} sites",
            next_step="leave harmonisation out",
        )
    return large, [str(name) for name in found[counts < LEAST_CASES]]
