"""What harmonisation must do whatever the numbers: undo a site, keep biology, ignore units, orders and other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.features.harmonise import Harmoniser, fit_harmoniser

LAW = settings(deadline=None, max_examples=20)
P = 25
COLUMNS = [f"f{j}" for j in range(P)]


def _cases(seed: int, counts: dict[str, int], planted: bool = True) -> tuple[pd.DataFrame, list[str], np.ndarray]:
    """Features with an effect of age, older at later sites; the part that no site changed comes last."""
    rng = np.random.default_rng(seed)
    sites = [name for name, n in counts.items() for _ in range(n)]
    number = np.array([list(counts).index(name) for name in sites])
    age = rng.normal(55 + 6 * number * planted, 8)
    pure = rng.normal(0, 2, P) + np.outer((age - 60) / 8, np.linspace(-1, 1, P)) + rng.normal(size=(len(sites), P))
    shift, scale = rng.normal(0.5, 1.5, (len(counts), P)), rng.uniform(0.6, 1.7, (len(counts), P))
    shown = pure * scale[number] + shift[number] if planted else pure
    return pd.DataFrame(shown, columns=COLUMNS).assign(age=age), sites, pure


def _slopes(frame: pd.DataFrame) -> np.ndarray:
    age = (frame["age"] - frame["age"].mean()).to_numpy()
    return (age @ frame[COLUMNS].to_numpy()) / (age @ age) * 8


@LAW
@given(seed=st.integers(0, 10**6))
def test_without_a_site_effect_little_changes(seed: int) -> None:
    frame, sites, _ = _cases(seed, {"a": 150, "b": 150, "c": 150}, planted=False)
    made = fit_harmoniser(frame, sites, COLUMNS, ["age"]).transform(frame, sites)
    change = np.abs(made[COLUMNS].to_numpy() - frame[COLUMNS].to_numpy())
    assert change.mean() < 0.08
    assert change.max() < 0.6


@LAW
@given(seed=st.integers(0, 10**6))
def test_a_planted_site_effect_goes_and_age_stays(seed: int) -> None:
    frame, sites, _ = _cases(seed, {"a": 200, "b": 150, "c": 150})
    made = fit_harmoniser(frame, sites, COLUMNS, ["age"]).transform(frame, sites)
    left = made[COLUMNS] - np.outer((made["age"] - 60) / 8, _slopes(made))
    spread = left.groupby(np.array(sites)).agg(["mean", "std"])
    means, sds = spread.xs("mean", axis=1, level=1), spread.xs("std", axis=1, level=1)
    overall = left.std().to_numpy()
    assert ((means.max() - means.min()) / overall).max() < 0.3
    assert (sds.max() / sds.min()).max() < 1.3
    # Slopes are on the common scale, which is that of the average site.
    assert np.corrcoef(_slopes(made), np.linspace(-1, 1, P))[0, 1] > 0.97
    assert np.abs(_slopes(made)[P // 2]) < 0.2


@LAW
@given(seed=st.integers(0, 10**6), factor=st.floats(0.01, 100), offset=st.floats(-50, 50))
def test_units_rows_columns_and_names_do_not_matter(seed: int, factor: float, offset: float) -> None:
    frame, sites, _ = _cases(seed, {"a": 12, "b": 9, "c": 2})
    made = fit_harmoniser(frame, sites, COLUMNS, ["age"]).transform(frame, sites)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(frame)), rng.permutation(COLUMNS).tolist()
    other = frame.assign(**{name: frame[name] * factor + offset for name in COLUMNS}).iloc[rows]
    renamed = [{"a": "x", "b": "m", "c": "k"}[sites[row]] for row in rows]
    again = fit_harmoniser(other, renamed, columns, ["age"]).transform(other, renamed).sort_index()
    assert again[COLUMNS].to_numpy() == pytest.approx(made[COLUMNS].to_numpy() * factor + offset, rel=1e-5, abs=1e-5)


@LAW
@given(seed=st.integers(0, 10**6), k=st.integers(1, 30))
def test_a_new_site_leaves_the_others_alone(seed: int, k: int) -> None:
    frame, sites, _ = _cases(seed, {"a": 20, "b": 20, "new": k})
    known = np.array(sites) != "new"
    fitted = fit_harmoniser(frame[known], [s for s in sites if s != "new"], COLUMNS, ["age"])
    before = fitted.to_json()
    entered = fitted.with_site("new", frame[~known])
    assert fitted.to_json() == before
    after = entered.to_json()
    new = after["sites"].pop("new")
    assert after == before
    assert (new["n_cases"], new["entered"]) == (k, True)
    # Never beyond what its cases show: the shift lies between none and their mean.
    shown = entered.model.standardise(frame[~known]).mean(axis=0)
    ratio = np.array(new["shift"]) / shown
    assert (ratio >= 0).all()
    assert (ratio <= 1).all()


def _distance(fitted: Harmoniser, frame: pd.DataFrame, pure: np.ndarray, site: str) -> float:
    """How far the columns' means are from those without any site effect, in sd of the columns."""
    made = fitted.transform(frame, site)[COLUMNS].to_numpy()
    return float(np.sqrt(((made - pure).mean(axis=0) ** 2).mean()))


def test_a_new_site_is_known_better_with_more_cases() -> None:
    found = {}
    for k in (1, 5, 80):
        errors = []
        for seed in range(6):
            frame, sites, _ = _cases(seed, {"a": 300, "b": 300, "new": 400})
            new = np.array(sites) == "new"
            fitted = fit_harmoniser(frame[~new], [s for s in sites if s != "new"], COLUMNS, ["age"])
            entered = fitted.with_site("new", frame[new][:k])
            rest = frame[new][k:]
            expected = fitted.model.mean + np.outer(rest["age"] - fitted.model.middle[0], fitted.model.effects[0])
            errors.append(_distance(entered, rest, expected, "new"))
        found[k] = np.mean(errors)
    assert found[1] > found[5] > found[80]
    assert found[80] < 0.25


@LAW
@given(seed=st.integers(0, 10**6))
def test_what_was_fitted_does_not_see_the_rows_it_is_applied_to(seed: int) -> None:
    frame, sites, _ = _cases(seed, {"a": 15, "b": 15})
    rng = np.random.default_rng(seed)
    frame = frame.mask(pd.DataFrame(rng.random(frame.shape) < 0.05, columns=frame.columns))
    kept = frame.copy()
    fitted = fit_harmoniser(frame, sites, COLUMNS, ["age"])
    alone = pd.concat([fitted.transform(frame[r : r + 1], sites[r]) for r in range(len(frame))])
    pd.testing.assert_frame_equal(alone, fitted.transform(frame, sites), rtol=1e-12)
    pd.testing.assert_frame_equal(frame, kept)
