"""What every stage shares: whether its work is current, where it writes, and the manifest that says how it was made.

A stage's key is the hash of its command, code, settings and inputs. A stage whose manifest carries the same key, and
whose files are unchanged, is current and is not run again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import outcome
import segmentation
from outcome.config import Study
from outcome.errors import EXIT_OK, EXIT_SOME_FAILED, Refusal, StoreRefusal
from outcome.executor import Workers
from outcome.formats import STAGE_MANIFEST, VERSION_KEY, require_version
from outcome.ledger import Ledger
from outcome.store import MANIFEST, RUN_LOG, StudyStore, digest, folder_digests, plain, read_json, staying, write_json

Progress = Callable[[str, int, int], None]
_LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "scikit-misc", "lifelines", "statsmodels",
              "lightgbm", "numba", "nibabel", "scikit-image", "optuna")  # fmt: skip
_SOURCES = (".py", ".j2", ".css", ".yaml")
_MEASURING_LIBRARIES = ("numpy", "scipy", "numba", "nibabel", "scikit-image")
_NOT_LEARNED_WITH = (
    "radiomics", "cli", "phantoms", "review", "benchmark", "metrics", "datasets", "exports", "deidentification",
    "measuring.py", "repeats.py",
)  # fmt: skip
_LEARNING_LIBRARIES = ("torch", "monai", "lightning", "safetensors")


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Run:
    """One command at work on one study: what to do it on, where, and with how many hands.

    `device` is where networks compute: "auto", "cpu" or "cuda", `processes` how many train one together (facts
    of the host: part of no key). `harmonise_with`: how many cases let a batch enter that the harmonised models do not
    know. `outlines`: how many other outlines stand behind the range of a risk, 0 for none.
    """

    study: Study
    store: StudyStore
    ledger: Ledger
    workers: Workers = field(default_factory=Workers)
    progress: Progress = no_progress
    device: str = "auto"
    harmonise_with: int = 0
    outlines: int = 0
    processes: int = 1


@dataclass(frozen=True)
class Made:
    """What a stage's work gave: counts for the manifest, and the cases that failed with the reason."""

    counts: Mapping[str, Any]
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageResult:
    """How a stage ended. `status` is "done" or "current" (nothing had to be done)."""

    stage: str
    status: str
    counts: Mapping[str, Any]
    failed: Mapping[str, str]
    seconds: float

    @property
    def exit_code(self) -> int:
        return EXIT_SOME_FAILED if self.failed else EXIT_OK

    def to_json(self) -> dict[str, Any]:
        return {"stage": self.stage, "status": self.status, "counts": dict(self.counts), "failed": dict(self.failed)}


@dataclass(frozen=True)
class Work:
    """What identifies a stage's work: its settings and the hashes of its inputs."""

    stage: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    part: str = ""

    @property
    def key(self) -> str:
        made_by = {"code": code_digest(), "libraries": libraries()}
        return digest({"stage": self.stage, **made_by, "config": self.config, "inputs": self.inputs})


def perform(run: Run, work: Work, produce: Callable[[Path], Made]) -> StageResult:
    """Do a stage's work unless it is current; the manifest is written last, so that half a stage is never believed.

    A stage with failed cases is never current: a repeat tries those cases again, and only those.
    """
    start = time.perf_counter()
    _refuse_other_study(run, work.stage)
    folder = run.store.stage(work.stage, work.part)
    manifest = _manifest_on_disk(folder)
    changed = _changed_outputs(run, folder, manifest)
    if manifest.get("key") == work.key and not changed and not manifest["failed"]:
        return StageResult(work.stage, "current", manifest["counts"], manifest["failed"], time.perf_counter() - start)
    (folder / MANIFEST).unlink(missing_ok=True)
    _discard(folder, changed)
    with staying(folder):
        made = produce(folder)
        seconds = time.perf_counter() - start
        write_json(folder / RUN_LOG, _run_log(run, seconds))
    failed = {case: _without_root(reason, run.study.root) for case, reason in made.failed.items()}
    write_json(folder / MANIFEST, _manifest(folder, work, made.counts, failed))
    if failed:
        run.ledger.exit_code = EXIT_SOME_FAILED
    return StageResult(work.stage, "done", plain(made.counts), failed, seconds)


def upstream(store: StudyStore, stage: str, part: str = "") -> str:
    """The hash of a finished stage's manifest, for the stage that reads from it.

    Raises StoreRefusal where that stage was never finished, or where its own inputs changed since.
    """
    path = store.stage(stage, part) / MANIFEST
    if not path.exists():
        raise StoreRefusal(
            f"the {stage} stage is not finished", found=f"no {path}", next_step=f"outcome {stage} STUDY.yaml"
        )
    manifest = read_json(path)
    _require_version(path.parent, manifest)
    for name, recorded in manifest["inputs"].items():
        if name.startswith("stage:") and upstream(store, *name.removeprefix("stage:").split("/")) != recorded:
            raise StoreRefusal(
                f"the {stage} stage is stale: {name.removeprefix('stage:')} changed after it was made",
                next_step=f"outcome {stage} STUDY.yaml (or `outcome run STUDY.yaml` for all that follows)",
            )
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def code_digest() -> str:
    """The hash of this program's own source, so that changed code means changed work."""
    return _source_digest(Path(outcome.__file__).parent, Path(segmentation.__file__).parent)


@cache
def measuring_digest() -> str:
    """The hash of what turns one case into numbers, libraries included: a change elsewhere keeps finished cases."""
    source = _source_digest(Path(segmentation.__file__).parent, Path(outcome.__file__).parent / "cases")
    return digest({"source": source, "libraries": {name: libraries()[name] for name in _MEASURING_LIBRARIES}})


@cache
def learning_digest() -> str:
    """The hash of what trains a segmentation network and lets it draw: no measurement, but torch and MONAI."""
    places = (Path(segmentation.__file__).parent, Path(outcome.__file__).parent / "cases")
    source = _source_digest(*places, without=_NOT_LEARNED_WITH)
    named = (*_MEASURING_LIBRARIES, *_LEARNING_LIBRARIES)
    return digest({"source": source, "libraries": {name: metadata.version(name) for name in named}})


@cache
def network_digest() -> str:
    """The hash of what trains a fusion network beside our own source: as `learning_digest`, with timm's backbones."""
    return digest({"learning": learning_digest(), "timm": metadata.version("timm")})


@cache
def libraries() -> dict[str, str]:
    """The versions of the libraries that numbers depend on."""
    return {name: metadata.version(name) for name in _LIBRARIES}


def _source_digest(*places: Path, without: Collection[str] = ()) -> str:
    """The hash of every source file in some folders, apart from folders and files of certain names."""
    digests = {}
    for place in places:
        for path in sorted(place.rglob("*")):
            if path.suffix not in _SOURCES or not set(without).isdisjoint(path.relative_to(place).parts):
                continue
            digests[str(path.relative_to(place.parent))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest(digests)


def _refuse_other_study(run: Run, stage: str) -> None:
    """A stage alone reads what the cohort stage left: it must have been left by this very study file."""
    path = run.store.stage("cohort") / "study.json"
    if stage == "cohort" or not path.exists():
        return
    now = plain(run.study.resolved())
    other = [name for name, value in read_json(path).items() if now.get(name) != value]
    if other:
        raise StoreRefusal(
            f"the cohort in {run.store.folder} was made by other settings",
            expected="the settings of this study file",
            found=f"other {', '.join(other)}",
            next_step="outcome cohort STUDY.yaml (or `outcome run STUDY.yaml` for all that follows)",
        )


def _manifest_on_disk(folder: Path) -> dict[str, Any]:
    """A stage's manifest; a missing or damaged one counts as none, so that the work is made again."""
    try:
        manifest = read_json(folder / MANIFEST)
        if not {"key", "outputs", "counts", "failed"} <= set(manifest):
            return {}
    except (Refusal, OSError, TypeError):
        return {}
    _require_version(folder, manifest)
    return dict(manifest)


def _require_version(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raises StoreRefusal for a stage that another version of the program left: its work is not written over."""
    remake = "delete that folder, then `outcome run STUDY.yaml`"
    require_version(manifest, STAGE_MANIFEST, str(folder / MANIFEST), remake)


def _changed_outputs(run: Run, folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The files that are no longer as their stage left them."""
    return [name for name, sha in manifest.get("outputs", {}).items() if not _is_still(run, folder / name, sha)]


def _is_still(run: Run, path: Path, sha: str) -> bool:
    try:
        return run.ledger.sha256(path) == sha
    except OSError:
        return False


def _discard(folder: Path, changed: list[str]) -> None:
    """Remove damaged files, and with a case's file all of that case: else its work would pass for finished."""
    for name in changed:
        shelf, _, rest = name.partition("/")
        key = rest.partition("/")[0].partition(".")[0]
        for path in (folder / shelf).glob(f"{key}*") if rest else [folder / name]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _manifest(folder: Path, work: Work, counts: Mapping[str, Any], failed: Mapping[str, str]) -> dict[str, Any]:
    return {
        VERSION_KEY: STAGE_MANIFEST,
        "key": work.key,
        "command": f"outcome {work.stage}",
        "code": {"version": metadata.version("surgical-outcome"), "sha256": code_digest()},
        "libraries": libraries(),
        "config": work.config,
        "inputs": work.inputs,
        "outputs": folder_digests(folder),
        "counts": counts,
        "failed": failed,
    }


def _run_log(run: Run, seconds: float) -> dict[str, Any]:
    return {
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 3),
        "workers": run.workers.count,
        "study_root": str(run.study.root),
        "host": {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()},
    }


def _without_root(text: str, root: Path | None) -> str:
    """A reason without this machine's folders, so that the same failure reads the same everywhere."""
    return text.replace(f"{root}{os.sep}", "") if root else text
