"""A run repeated from the manifest of its report: the settings stand in it, and the hashes of all that led to it.

The manifest of the report names the hash of every file it wrote and of the manifests behind it, which name theirs; the
code and the versions of the libraries stand in each. Where the repeated manifest has the same bytes, the run does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome.bundle import read_bundle
from outcome.config import Study, in_order, placed, study_from_resolved
from outcome.errors import DataRefusal, StoreRefusal
from outcome.pipeline.stage import code_digest, libraries
from outcome.store import MANIFEST, StudyStore, read_json

COMMAND = "outcome report"


@dataclass(frozen=True)
class Recorded:
    """A run as its report's manifest tells it: the settings as a study, the bundle's id, and the manifest itself."""

    study: Study
    bundle_id: str
    manifest: Mapping[str, Any]


def read_recorded(manifest: Path, folder: Path, root: Path) -> Recorded:
    """The run behind a report's manifest; dictionary and other named files in `folder`, data below `root`.

    Raises StoreRefusal where the file is no manifest of a report.
    """
    told = read_json(manifest)
    config = told.get("config") if isinstance(told, dict) else None
    if not isinstance(config, dict) or told.get("command") != COMMAND or not {"study", "study_order"} <= set(config):
        raise StoreRefusal(
            f"{manifest.name} does not tell a whole run",
            expected=f"the {MANIFEST} of a report stage",
            found=str(told.get("command", "no command") if isinstance(told, dict) else type(told).__name__),
            next_step="STORE/STUDY/report/BUNDLE/manifest.json holds the settings of the run",
        )
    study = study_from_resolved(in_order(config["study"], config["study_order"]))
    return Recorded(placed(study, folder.resolve(), root.resolve()), str(config["bundle"]), told)


def unlike_here(recorded: Recorded) -> tuple[str, ...]:
    """What this program differs in from the one that made the manifest: its code, and libraries by name."""
    code = recorded.manifest["code"]
    found = [] if code["sha256"] == code_digest() else [f"the program's code (made by version {code['version']})"]
    here = libraries()
    for name, version in sorted(recorded.manifest["libraries"].items()):
        if here.get(name) != version:
            found.append(f"{name} {here.get(name, 'missing')}, not {version}")
    return tuple(found)


def refuse_unlike(recorded: Recorded) -> None:
    """Raises DataRefusal, naming every difference, where another program or other libraries made the manifest."""
    unlike = unlike_here(recorded)
    if unlike:
        raise DataRefusal(
            "the manifest was made by another program or other libraries: the bytes would differ",
            expected="the code and libraries that the manifest names",
            found="; ".join(unlike),
            next_step="install that version with its constraints, or repeat with --other-code and compare the numbers",
        )


def differences(recorded: Recorded, store: StudyStore) -> tuple[str, ...]:
    """Where the repeated run in `store` differs from the recorded one, in words; empty where every byte is the same."""
    bundle_id = read_bundle(store.bundle).id
    again = read_json(store.stage("report", bundle_id) / MANIFEST)
    if again == recorded.manifest:
        return ()
    found = [] if bundle_id == recorded.bundle_id else [f"the bundle is {bundle_id}, not {recorded.bundle_id}"]
    for part, words in (("inputs", "what led to it"), ("outputs", "file"), ("config", "setting"), ("counts", "count")):
        found += [f"{words}: {name}" for name in _unequal(recorded.manifest[part], again[part])]
    return tuple([*found, *unlike_here(recorded)])


def _unequal(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
