"""Laws that every published score of the registry keeps, whatever it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.scores import (
    SCORES,
    ItemKind,
    MissingRule,
    ScoreDefinition,
    compute_score,
    conditions_of,
    from_codes,
    read_code_lists,
)
from outcome.scores.elixhauser import VAN_WALRAVEN

PAGE = Path(__file__).parents[2] / "docs" / "scores.md"
NAMES = sorted(SCORES)
FROM_CODES = sorted(name for name, score in SCORES.items() if score.reads_codes)
SAFER = {name for name, weight in VAN_WALRAVEN.items() if weight < 0}


def drawn(score: ScoreDefinition, n: int = 60, missing: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    made = {}
    for item in score.items:
        whole = {ItemKind.AGE: rng.integers(18, 96, n), ItemKind.ASA_CLASS: rng.integers(1, 6, n)}
        values = np.asarray(whole.get(item.kind, rng.random(n) < 0.3), dtype=float)
        made[item.name] = np.where(rng.random(n) < missing, np.nan, values)
    return pd.DataFrame(made, index=[f"c{k}" for k in range(n)])


@pytest.mark.parametrize("name", NAMES)
def test_a_score_stays_in_its_range_and_leaves_its_input_alone(name: str) -> None:
    score = SCORES[name]
    table = drawn(score, 400)
    before = table.copy(deep=True)
    value = compute_score(score, table).value
    assert np.isfinite(value).all()
    assert value.min() >= score.low
    assert value.max() <= score.high
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("name", NAMES)
def test_the_ends_of_the_range_are_reached(name: str) -> None:
    score = SCORES[name]
    riskier = {item.name: item.name not in SAFER or name != "elixhauser_van_walraven" for item in score.items}
    high = {ItemKind.AGE: 90.0, ItemKind.ASA_CLASS: 5.0}
    low = {ItemKind.AGE: 30.0, ItemKind.ASA_CLASS: 1.0}
    most = {item.name: high.get(item.kind, float(riskier[item.name])) for item in score.items}
    least = {item.name: low.get(item.kind, float(not riskier[item.name])) for item in score.items}
    assert compute_score(score, pd.DataFrame([least, most])).value.tolist() == [score.low, score.high]


@pytest.mark.parametrize("name", NAMES)
def test_each_case_is_scored_by_itself(name: str) -> None:
    """Nothing is learned from other rows: a case alone, or among others in another order, has the same points."""
    score = SCORES[name]
    table = drawn(score, missing=0.1)
    whole = pd.Series(compute_score(score, table).value, index=table.index)
    turned = table.iloc[::-1]
    pd.testing.assert_series_equal(pd.Series(compute_score(score, turned).value, index=turned.index), whole.iloc[::-1])
    for case in table.index[:5]:
        alone = compute_score(score, table.loc[[case]]).value[0]
        assert alone == whole[case] or (np.isnan(alone) and np.isnan(whole[case]))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"elixhauser_van_walraven"}))
def test_one_more_condition_never_lowers_the_score(name: str) -> None:
    score = SCORES[name]
    table = drawn(score)
    before = compute_score(score, table).value
    for item in score.yes_no:
        assert (compute_score(score, table.assign(**{item: 1.0})).value >= before).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_says_who_has_a_score(name: str) -> None:
    score = SCORES[name]
    table = drawn(score, missing=0.2)
    for rule in score.missing_allowed:
        found = compute_score(score, table, missing=rule)
        needed = [item.name for item in score.items if item.needed]
        lacking = table.isna().any(axis=1) if rule is MissingRule.NO_SCORE else table[needed].isna().any(axis=1)
        if rule is MissingRule.OF_KNOWN:
            lacking = table.isna().all(axis=1)
        assert (np.isnan(found.value) == lacking.to_numpy()).all()
        pd.testing.assert_frame_equal(found.missing, table.isna())


@pytest.mark.parametrize("name", FROM_CODES)
def test_every_code_of_a_condition_means_it_however_it_is_written(name: str) -> None:
    score = SCORES[name]
    for condition, starts in score.conditions.items():
        dotted = [f"{code[:3]}.{code[3:]}" if len(code) > 3 else code for code in starts]
        longer = [f"{code[:3]}.{code[3:]}1".lower() for code in starts]
        for spelled in (list(starts), dotted, longer):
            found = conditions_of(read_code_lists(spelled), score.conditions)
            assert (found[condition] == 1).all(), condition


@pytest.mark.parametrize("name", FROM_CODES)
def test_order_and_repetition_of_codes_do_not_matter(name: str) -> None:
    score = SCORES[name]
    rng = np.random.default_rng(3)
    pool = sorted({code for starts in score.conditions.values() for code in starts})
    lists = [list(rng.choice(pool, size=6)) for _ in range(30)]
    spelled = [",".join(codes) for codes in lists], ["; ".join([*codes[::-1], codes[0]]) for codes in lists]
    rest = pd.DataFrame({"age": 60.0}, index=range(30)) if "age" in score.names else pd.DataFrame(index=range(30))
    one, other = (compute_score(score, from_codes(score, read_code_lists(cells), rest)).value for cells in spelled)
    assert one.tolist() == other.tolist()
    assert len(set(one)) > 1


def test_the_page_names_every_score_with_its_inputs_and_publication() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for score in SCORES.values():
        section = page.partition(f"### `{score.name}`")[2].partition("\n### ")[0]
        assert score.citation.partition(", ")[2] in section, score.name
        assert f"{score.low:g} to {score.high:g}" in section, score.name
        assert [item.name for item in score.items if f"`{item.name}`" not in section] == []
