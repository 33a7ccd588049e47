"""What will be judged, fixed and hashed before anybody opens the data: the protocol of a validation.

It is written from the bundle and the study file alone; neither table nor outcomes are read. `outcome validate` lists
every point in which it does otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from outcome.bundle import Bundle, read_bundle
from outcome.config import Study
from outcome.config.study_yaml import StudyLoader
from outcome.errors import BundleRefusal, ConfigRefusal, StoreRefusal
from outcome.evaluation import PRIMARY_METRIC
from outcome.evaluation.sample import MIN_EVENTS, Settings
from outcome.ledger import Evaluations
from outcome.serving import RiskModel
from outcome.store import StudyStore, digest, plain, read_json, write_json, write_text
from outcome.types import EndpointKind

FORMAT, VERSION = "surgical-outcome-protocol", 1
FOLDER = "protocol"
_HEAD = "# What a validation will judge, fixed before the data are opened. Any change breaks the sha256 below.\n"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_FROM_STUDY = ("inclusion", "subgroups", "crossed", "comparator", "scores", "readers", "readers_are", "partitions")


@dataclass(frozen=True)
class Protocol:
    """A protocol as it was fixed: when (UTC), for which bundle, what will be judged, and the hash of all that."""

    fixed_at: str
    plan: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not _TIME.fullmatch(self.fixed_at):
            raise ValueError(f"a time like 2026-01-31T12:00:00Z is needed, found {self.fixed_at!r}")
        object.__setattr__(self, "plan", plain(self.plan))

    @property
    def content(self) -> dict[str, Any]:
        """Everything that the hash covers."""
        return {"format": FORMAT, "version": VERSION, "fixed_at": self.fixed_at, "plan": self.plan}

    @property
    def sha256(self) -> str:
        return digest(self.content)

    @property
    def bundle_id(self) -> str:
        return str(self.plan["bundle_id"])

    def to_yaml(self) -> str:
        """The file: a mapping a person can read, its own sha256 last."""
        document = {**self.content, "sha256": self.sha256}
        return _HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def planned(bundle: Bundle, study: Study) -> dict[str, Any]:
    """What an evaluation of this study with this bundle judges, as JSON; `study` is as `apply_bundle` leaves it."""
    model, settings = RiskModel(bundle), study.resolved()
    endpoints = {name: _endpoint(model, name, endpoint) for name, endpoint in study.endpoints.items()}
    chosen = {name: settings[name] for name in _FROM_STUDY if settings.get(name)}
    level = Settings().level
    return plain(
        {
            "bundle_id": bundle.id,
            "study": study.name,
            "procedure": study.procedure,
            "endpoints": endpoints,
            **chosen,
            "min_events": MIN_EVENTS,
            "level": level,
        }
    )


def _endpoint(model: RiskModel, name: str, endpoint: Any) -> dict[str, Any]:
    kind = EndpointKind(endpoint.kind)
    units = [unit for unit in model.units.values() if unit.endpoint == name and unit.procedure is not None]
    thresholds = {unit.inputs.value: unit.procedure.threshold for unit in units if unit.procedure is not None}
    horizon = getattr(endpoint, "horizon_days", None)
    return {
        "label": endpoint.label or name,
        "kind": kind.value,
        "definition": endpoint.definition,
        "horizons_days": list(getattr(endpoint, "horizons_days", () if horizon is None else (horizon,))),
        "primary_metric": PRIMARY_METRIC[kind],
        "thresholds": {inputs: found.value for inputs, found in thresholds.items() if found is not None},
    }


def write_protocol(path: Path, protocol: Protocol) -> None:
    """Write the file. Raises StoreRefusal where one stands already: a protocol is fixed once."""
    if path.exists():
        raise StoreRefusal(
            f"{path} exists",
            expected="a new file: a protocol is fixed once",
            next_step="choose another --out, and say in the paper why there is a second protocol",
        )
    write_text(path, protocol.to_yaml())


def read_protocol(path: Path, bundle: Path) -> Protocol:
    """The protocol in a file. Raises ConfigRefusal where it cannot be read or was changed after it was fixed,
    BundleRefusal where it was fixed for another bundle.
    """
    protocol = _parsed(path)
    found = read_bundle(bundle).id
    if protocol.bundle_id != found:
        raise BundleRefusal(
            "the protocol was fixed for another bundle",
            expected=f"bundle {protocol.bundle_id}",
            found=f"bundle {found}",
            next_step="validate the bundle that the protocol names, or fix a protocol for this one before the data "
            "are opened",
        )
    return protocol


def _parsed(path: Path) -> Protocol:
    again = "outcome protocol BUNDLE STUDY.yaml --out protocol.yaml"
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=StudyLoader)
        protocol = Protocol(str(document["fixed_at"]), dict(document["plan"]))
        written, found = str(document["sha256"]), protocol.sha256
        known = (document["format"], document["version"], bool(protocol.bundle_id))
    except FileNotFoundError:
        raise ConfigRefusal("the protocol does not exist", found=str(path), next_step=again) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ConfigRefusal("the protocol cannot be read", found=found, next_step=again) from error
    if known != (FORMAT, VERSION, True):
        raise ConfigRefusal(
            "this is no protocol of a version known here", expected=f"{FORMAT} version {VERSION}", next_step=again
        )
    if found != written or set(document) != {*protocol.content, "sha256"}:
        raise ConfigRefusal(
            "the protocol was changed after it was fixed",
            expected=f"sha256 {written[:16]}…",
            found=f"sha256 {found[:16]}…",
            next_step="use the file as it was fixed; a new one made now says so by its time",
        )
    return protocol


def deviations(protocol: Protocol, bundle: Bundle, study: Study) -> list[str]:
    """Every point in which an evaluation does otherwise than the protocol, in words; empty where it agrees."""
    return list(_differences("", protocol.plan, planned(bundle, study)))


def _differences(place: str, fixed: Any, now: Any) -> Iterator[str]:
    if isinstance(fixed, Mapping) and isinstance(now, Mapping):
        for name in [*fixed, *(key for key in now if key not in fixed)]:
            inner = f"{place}.{name}" if place else str(name)
            if name not in now:
                yield f"{inner}: in the protocol, not evaluated"
            elif name not in fixed:
                yield f"{inner}: evaluated, not in the protocol"
            else:
                yield from _differences(inner, fixed[name], now[name])
    elif fixed != now:
        yield f"{place}: protocol {_short(fixed)}, here {_short(now)}"


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, (str, int, float)) else yaml.safe_dump(value, default_flow_style=True)
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}…"


def adopt_protocol(store: StudyStore, protocol: Protocol) -> None:
    """Keep the protocol beside the evaluation it speaks of, and note when this store first saw it."""
    with Evaluations.open(store.root) as evaluations:
        evaluations.record_protocol(protocol.sha256, protocol.fixed_at)
    write_json(_place(store, protocol.bundle_id), protocol.content)


def adopted_protocol(store: StudyStore, bundle_id: str) -> Protocol | None:
    """The protocol that was adopted for a bundle in this study's place; None where there is none."""
    path = _place(store, bundle_id)
    if not path.exists():
        return None
    document = read_json(path)
    return Protocol(document["fixed_at"], document["plan"])


def _place(store: StudyStore, bundle_id: str) -> Path:
    return store.folder / FOLDER / f"{bundle_id}.json"
