"""What whoever hands a study over decides, beside what the dictionary says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from outcome.errors import UsageError

Flagged = Literal["refuse", "leave-out", "allow"]
TOP_AGE = 90  # 45 CFR 164.514(b)(2)(i)(C): ages above 89 may be told as one category, 90 or older
LEAST_DAYS = 30


@dataclass(frozen=True)
class Rules:
    """`keep_text`, `top_ages`: variables. `most_days`: dates move 1 to so many days back. `flagged`: images that are
    flagged refuse the whole, go alone, or stay."""

    keep_text: tuple[str, ...] = ()
    top_ages: tuple[str, ...] = ()
    keep_sites: bool = False
    most_days: int = 365
    flagged: Flagged = "refuse"

    def __post_init__(self) -> None:
        if self.most_days < LEAST_DAYS:
            raise UsageError(
                "--shift-days is too small to hide a date", expected=f"{LEAST_DAYS} or more", found=str(self.most_days)
            )

    def to_json(self) -> dict[str, Any]:
        """What was decided, as the record of the hand-over tells it."""
        return {
            "text_kept": list(self.keep_text), "ages_above_89_as_90": list(self.top_ages),
            "sites": "kept" if self.keep_sites else "pseudonyms", "flagged_images": self.flagged,
            "dates": f"1 to {self.most_days} days earlier, all of a patient alike; times of day are left out",
        }  # fmt: skip
