"""What `segmentation` refuses or finds, in the words of the study: `DataRefusal` and `Finding` with the case."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from outcome.errors import DataRefusal
from outcome.types import Finding, Level
from segmentation.errors import ImageRefusal
from segmentation.types import Finding as ImageFinding

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def refusing(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """The same function, with what `segmentation` refuses raised as the user's `DataRefusal`."""

    @wraps(function)
    def converted(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except ImageRefusal as error:
            raise DataRefusal(
                error.message, expected=error.expected, found=error.found, next_step=error.next_step
            ) from error

    return converted


def finding_of(found: ImageFinding, case_id: str) -> Finding:
    return Finding(found.code, Level(found.level), found.message, (case_id,))
