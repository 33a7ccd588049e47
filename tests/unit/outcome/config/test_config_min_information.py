"""A level of information enters a study's keys only where it is named."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from outcome.config.training import Training


def test_a_study_that_names_no_level_keeps_its_keys() -> None:
    assert "min_information" not in Training().model_dump()
    assert Training(min_information=0.5).model_dump() == {**Training().model_dump(), "min_information": 0.5}


@pytest.mark.parametrize("level", [0.0, -0.1, 1.01])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(ValidationError, match="min_information"):
        Training(min_information=level)
