"""Laws of measuring many regions at once: the same as one by one, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.radiomics.batched import measure_batch
from segmentation.radiomics.settings import RadiomicsSettings, parse_settings
from tests.batched_cases import REGION, check_equal, one_by_one, random_pair

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=12, deadline=None)
HOW = st.fixed_dictionaries(
    {
        "texture": st.fixed_dictionaries(
            {
                "dimensions": st.sampled_from([["3D"], ["2D", "2.5D"], ["2D", "2.5D", "3D"]]),
                "distance": st.integers(1, 2),
                "ngldm_coarseness": st.integers(0, 2),
            }
        ),
        "resegmentation": st.sampled_from([{}, {"range": [-40, 60]}, {"range": [20, None]}, {"outliers_sigma": 1.0}]),
        "discretisation": st.sampled_from(
            [{"method": "fixed_bin_size", "value": 25}, {"method": "fixed_bin_number", "value": 8}]
        ),
        "volume_histogram": st.sampled_from(
            [{}, {"method": "fixed_bin_size", "value": 2.5}, {"method": "fixed_bin_number", "value": 50}]
        ),
        "grid": st.sampled_from([{}, {"spacing_mm": [1.2, 1.2, 1.2]}]),
    }
).map(parse_settings)


@FEW
@given(SEEDS, HOW, st.integers(1, 5))
def test_together_as_one_by_one(seed: int, how: RadiomicsSettings, n: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng, fraction=float(rng.choice([0.2, 0.6, 1.0]))) for _ in range(n)]
    for found, expected in zip(measure_batch(how, pairs, REGION), one_by_one(how, pairs), strict=True):
        check_equal(found, expected)


@FEW
@given(SEEDS, st.permutations(range(5)))
def test_the_order_of_a_batch_changes_nothing(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    how = parse_settings({"texture": {"dimensions": ["2D", "2.5D", "3D"]}})
    pairs = [random_pair(rng) for _ in order]
    found = measure_batch(how, pairs, REGION)
    assert measure_batch(how, [pairs[i] for i in order], REGION) == [found[i] for i in order]


@FEW
@given(SEEDS, st.sampled_from([1, 5_000, 30_000, 10**9]))
def test_how_many_fit_at_once_changes_nothing(seed: int, budget: int) -> None:
    rng = np.random.default_rng(seed)
    how = parse_settings({})
    pairs = [random_pair(rng) for _ in range(4)]
    alone = [measure_batch(how, [pair], REGION)[0] for pair in pairs]
    assert measure_batch(how, iter(pairs), REGION, budget=budget) == alone
