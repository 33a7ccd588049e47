"""Why a feature of PyRadiomics 3.0.1 is not the feature that IBSI defines: the fewest rules that move it there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from segmentation.errors import ImageRefusal
from segmentation.radiomics.pyradiomics import measure_as_pyradiomics
from segmentation.radiomics.pyradiomics.names import counterparts
from segmentation.radiomics.pyradiomics.rules import Features, Reasons, Switchboard, applicable
from segmentation.radiomics.settings import Family, RadiomicsSettings
from segmentation.types import Mask, Volume

TOLERANCE = 1e-6
# Values that are zero but for rounding are alike.
_NOTHING = 1e-12
_FAMILIES: tuple[Family, ...] = ("shape", "intensity", "histogram", "cm", "rlm", "szm", "ngt", "ngl")


@dataclass(frozen=True)
class Difference:
    """One feature in both definitions. `rules` is empty where they agree, None where no set of rules explains it."""

    tag: str  # IBSI
    name: str  # PyRadiomics
    ibsi: float | None
    pyradiomics: float | None
    rules: tuple[str, ...] | None
    reason: str = ""  # why a value is missing

    @property
    def ratio(self) -> float | None:
        """PyRadiomics over IBSI, None where one is missing or IBSI's is zero."""
        return self.pyradiomics / self.ibsi if self.ibsi and self.pyradiomics is not None else None

    @property
    def verdict(self) -> str:
        """`agrees`, the rules joined by +, `missing` where one side has no value, or `unexplained`."""
        if self.rules is None:
            return "missing" if self.reason else "unexplained"
        return " + ".join(self.rules) or "agrees"


def differences(image: Volume, mask: Mask, region: str, settings: RadiomicsSettings | None = None) -> list[Difference]:
    """Every PyRadiomics feature that has an IBSI counterpart, with the rules that move it.

    Sets of rules are tried from small to large, each in the order of `rules.RULES`; the first that takes the IBSI value
    to PyRadiomics' within 1e-6 (relative) is named. `image` is the whole image; `settings` are those of profile `ibsi`
    (default: no resampling, bins of 25 units).

    Raises ImageRefusal as `measure_with` and `measure_as_pyradiomics` do.
    """
    _check(settings or RadiomicsSettings())
    peer, refused = measure_as_pyradiomics(image, mask, region)
    settings = _in_space(settings or RadiomicsSettings())
    board = Switchboard(settings, image, mask, region)
    found = _fewest_rules(board, peer, applicable(settings))
    ibsi, missing = board.values(frozenset())
    return [
        Difference(
            tag, name, ibsi.get(tag), peer.get(name), found.get(tag), _reason(tag, name, missing | refused, ibsi, peer)
        )
        for tag, name in counterparts()
    ]


def _check(settings: RadiomicsSettings) -> None:
    if settings.profile != "ibsi" or settings.filter is not None:
        raise ImageRefusal(
            "bad_settings",
            "PyRadiomics is compared with settings of profile ibsi, without a filter.",
            expected="profile ibsi, no filter",
            found=f"profile {settings.profile}" + (", a filter" if settings.filter is not None else ""),
            next_step="leave these keys out of the settings file",
        )


def _in_space(settings: RadiomicsSettings) -> RadiomicsSettings:
    """Only what has a counterpart is measured."""
    texture = settings.texture.model_copy(update={"dimensions": ("3D",)})
    return settings.model_copy(
        update={"families": _FAMILIES, "texture": texture, "spatial_autocorrelation": False},
    )


def _fewest_rules(board: Switchboard, peer: Features, rules: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    open_pairs = counterparts()
    for size in range(len(rules) + 1):
        for chosen in combinations(rules, size):
            values, _ = board.values(frozenset(chosen))
            found |= {tag: chosen for tag, name in open_pairs if _same(values.get(tag), peer.get(name))}
            open_pairs = [(tag, name) for tag, name in open_pairs if tag not in found]
            if not open_pairs:
                return found
    return found


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= max(TOLERANCE * max(abs(a), abs(b)), _NOTHING)


def _reason(tag: str, name: str, reasons: Reasons, ibsi: Features, peer: Features) -> str:
    if tag not in ibsi:
        return reasons.get(tag, "")
    return reasons.get(name, "") if name not in peer else ""
