"""Kill a run at every durable point, resume it, and compare every artefact with an undisturbed run's.

    python -m benchmarks.crash_points [--kills N] [--faults N] [--double N] [--random N] [--seed S]

Each stage is done alone on a copy of what the stages before it left, cohort and training also over an older run's: its
durable points (benchmarks/durable_points.py) are counted, then it is killed at each in turn and done again (`--kills`:
at so many of them, drawn at random, the first, the last and one of each kind among them). Double kills strike a whole
run, and its resumption again, at random points; random kills strike at random times while somebody reads. Faults are a
disk that is full or read-only from a point on, one that reports errors, and a folder that vanishes. Processes are
forked from one that has everything imported. The PDF is left out: a browser draws it; it is written as other files are.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.crash_reader import read_through
from benchmarks.crash_study import SETTINGS, write_crash_study
from benchmarks.durable_points import FAULTS, Trace, install
from benchmarks.kill_resume import artefacts
from outcome.cli import stages
from outcome.cli.main import run
from outcome.pipeline import report
from outcome.store import STAGES, TEMPORARY_PREFIX

NAME = "crash"
OLDER = "training.seed=6"  # another run of the same study, over which runs are killed too


@dataclass(frozen=True)
class End:
    """How a process ended: its exit code (negative: the signal) and what it said."""

    code: int
    said: str


@dataclass(frozen=True)
class Scene:
    """A command on a copy of a store, what it leaves when nobody disturbs it, and its durable points."""

    name: str
    before: Path
    words: tuple[str, ...]
    calm: dict[str, str]
    points: list[tuple[str, str]]


class Bench:
    """The study, its stores, and what any artefact may hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study = write_crash_study(folder / "study")
        self.rough = folder / "rough"
        self.whole: dict[str, set[str]] = {}

    def words(self, command: str, *settings: str) -> tuple[str, ...]:
        """A stage, or "run" for all of them, with the study and its settings."""
        return (command, str(self.study), *(word for s in (*SETTINGS, *settings) for word in ("--set", s)), "--quiet")

    def fork(self, store: Path, words: tuple[str, ...], trace: Trace | None = None, life: float | None = None) -> End:
        """Run a command in a child; `life`: seconds until SIGKILL."""
        child = os.fork()
        if child == 0:
            self._child(store, words, trace)
        if life is not None:
            time.sleep(life)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return End(os.waitstatus_to_exitcode(status), (self.folder / "said").read_text())

    def _child(self, store: Path, words: tuple[str, ...], trace: Trace | None) -> None:
        code = 70
        try:
            sys.stdout = sys.stderr = open(self.folder / "said", "w", encoding="utf-8", buffering=1)  # noqa: SIM115
            if trace is not None:
                install(trace)
            stages.STAGES = STAGES if words[0] == "run" else (words[0],)
            code = run(["run", *words[1:], "--store", str(store)])
            if trace is not None and not trace.at:
                (self.folder / "points.json").write_text(json.dumps(trace.points))
        finally:
            os._exit(code)

    def points(self, store: Path, words: tuple[str, ...]) -> list[tuple[str, str]]:
        """The durable points of a command that nobody disturbs."""
        end = self.fork(store, words, Trace(store))
        if end.code != 0:
            raise SystemExit(f"the undisturbed run failed: {end.said}")
        return [(kind, path) for kind, path in json.loads((self.folder / "points.json").read_text())]

    def begin(self, before: Path) -> Path:
        """A fresh copy of a store, to be treated roughly."""
        shutil.rmtree(self.rough, ignore_errors=True)
        shutil.copytree(before, self.rough)
        return self.rough

    def learn(self, store: Path) -> None:
        for name, sha in artefacts(store).items():
            self.whole.setdefault(name, set()).add(sha)


def scenes(bench: Bench) -> Iterator[Scene]:
    """Every stage on what the stages before it left: on an empty place, then over an older run."""
    for name, settings in (("", ()), ("over an older run: ", (OLDER,))):
        store = bench.folder / "calm"
        if settings:
            bench.fork(store, bench.words("run", *settings))
            bench.learn(store)
        else:
            store.mkdir()
        for stage in STAGES:
            before, words = bench.folder / f"before {name}{stage}", bench.words(stage)
            shutil.copytree(store, before)
            points = bench.points(store, words)
            bench.learn(store)
            if not settings or stage in ("cohort", "train"):
                yield Scene(name + stage, before, words, artefacts(store), points)


def struck(bench: Bench, scene: Scene, at: int, fault: str) -> Counter[str]:
    """One fault at one point of a scene, read through, then resumed."""
    store = bench.begin(scene.before)
    end = bench.fork(store, scene.words, Trace(store / NAME if fault == "vanish" else store, at, fault))
    seen = Counter({"points": 1})
    if fault == "kill":
        seen["not killed"] += end.code != -signal.SIGKILL
    else:
        seen["said clearly"] += _clear(end)
        seen["half written"] += fault == "full" and any(store.rglob(f"{TEMPORARY_PREFIX}*"))
        if not _clear(end):
            print(f"{scene.name}, point {at} {scene.points[at - 1]}, {fault}: exit {end.code}: {end.said}", flush=True)
    if store.exists():
        seen["torn"] += read_through(store, bench.whole)["torn"]
    if fault == "vanish":  # what the stages before had left went too: they come first again
        store = bench.begin(scene.before)
    seen["survived"] += _resumed(bench, scene, store)
    return seen


def _clear(end: End) -> bool:
    """Refused with the reason and the remedy, or done in spite of it."""
    return end.code in (0, 4) or (end.code == 3 and "next step" in end.said)


def _resumed(bench: Bench, scene: Scene, store: Path) -> bool:
    end = bench.fork(store, scene.words)
    found = artefacts(store)
    good = end.code == 0 and found == scene.calm
    if not good:
        differ = sorted(n for n in found.keys() | scene.calm.keys() if found.get(n) != scene.calm.get(n))
        print(f"{scene.name}: not the same after resuming: exit {end.code} {differ[:5]} {end.said[:300]}", flush=True)
    return good


def places(every: list[Scene]) -> list[tuple[Scene, int]]:
    """Every scene with the number of each of its points."""
    return [(scene, at) for scene in every for at in range(1, len(scene.points) + 1)]


def chosen(every: list[Scene], count: int, rng: np.random.Generator) -> list[tuple[Scene, int]]:
    """Where kills strike: everywhere, or at `count` random points beside the first, the last and one of each kind."""
    found = places(every)
    if not count:
        return found
    kinds = {scene.points[at - 1][0]: number for number, (scene, at) in enumerate(found)}
    drawn = rng.permutation(len(found))[:count].tolist()
    return [found[number] for number in sorted({0, len(found) - 1, *kinds.values(), *drawn})]


def double_kills(bench: Bench, whole_run: Scene, count: int, rng: np.random.Generator) -> Counter[str]:
    """A kill at a random point of a run, a second one at a random point of its resumption."""
    seen: Counter[str] = Counter()
    for _ in range(count):
        store = bench.begin(whole_run.before)
        hits = 0
        for _ in range(2):
            at = int(rng.integers(1, len(whole_run.points) + 1))
            hits += bench.fork(store, whole_run.words, Trace(store, at)).code == -signal.SIGKILL
            seen["torn"] += read_through(store, bench.whole)["torn"]
        seen += Counter({"points": hits, "survived": hits * _resumed(bench, whole_run, store)})
    return seen


def random_kills(bench: Bench, whole_run: Scene, count: int, rng: np.random.Generator, seconds: float) -> Counter[str]:
    """Kills at random times, resumed until `count` have struck, while another process reads all the time."""
    seen: Counter[str] = Counter()
    store = bench.begin(whole_run.before)
    stop = _reading(bench, store)
    while seen["kills"] < count:
        end = bench.fork(store, whole_run.words, life=float(rng.exponential(seconds / 3)))
        seen["kills"] += end.code == -signal.SIGKILL
        if end.code >= 0:
            seen["ended"] += 1
            seen["differing"] += artefacts(store) != whole_run.calm
            shutil.rmtree(store / NAME)
    seen += Counter({"points": seen["kills"], "survived": _resumed(bench, whole_run, store) * seen["kills"]})
    return seen + stop()


def _reading(bench: Bench, store: Path) -> Callable[[], Counter[str]]:
    """Start a reader in another process; returns what stops it and says what it saw."""
    stopped, told = bench.folder / "stop", bench.folder / "seen.json"
    stopped.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        seen: Counter[str] = Counter()
        try:
            while not stopped.exists():
                seen += read_through(store, bench.whole)
            told.write_text(json.dumps(seen))
        finally:
            os._exit(0)

    def stop() -> Counter[str]:
        stopped.touch()
        os.waitpid(child, 0)
        return Counter(json.loads(told.read_text()))

    return stop


def main(words: list[str] | None = None) -> int:
    """Everything in turn; exit code 1 where anything was torn or differed."""
    asked = _asked(words)
    rng = np.random.default_rng(asked.seed)
    report.write_pdf = lambda page: b"%PDF-1.7 left out\n"  # type: ignore[assignment]
    table: dict[str, Counter[str]] = {}
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place))
        _warm(bench)
        every = list(scenes(bench))
        print(f"durable points: {len(places(every))} in {len(every)} scenes", flush=True)
        for scene, at in chosen(every, asked.kills, rng):
            name = f"kill, {scene.name}"
            table[name] = table.get(name, Counter()) + struck(bench, scene, at, "kill")
            print(".", end="", flush=True)
        for fault in FAULTS[1:] if asked.faults else ():
            table[fault] = _faults(bench, every, fault, asked.faults, rng)
        if asked.double or asked.random:
            whole_run, seconds = _whole_run(bench)
            table["double kills, whole run"] = double_kills(bench, whole_run, asked.double, rng)
            table["random kills, whole run"] = random_kills(bench, whole_run, asked.random, rng, seconds)
    return _tell(table, time.process_time() - begun + sum(os.times()[2:4]))


def _warm(bench: Bench) -> None:
    """Import and compile all that a run needs, so that children begin at once."""
    with contextlib.redirect_stdout(io.StringIO()):
        code = run([*bench.words("run"), "--store", str(bench.folder / "warm")])
    if code != 0:
        raise SystemExit("the undisturbed run failed")
    gc.collect()
    gc.freeze()  # what is shared with the children is not written to by their collectors


def _faults(bench: Bench, every: list[Scene], fault: str, count: int, rng: np.random.Generator) -> Counter[str]:
    """A fault at `count` points drawn from all scenes, at every point where there are no more."""
    found = places(every)
    drawn = sorted(rng.permutation(len(found))[:count])
    return sum((struck(bench, *found[number], fault) for number in drawn), Counter())


def _whole_run(bench: Bench) -> tuple[Scene, float]:
    before, store, words = bench.folder / "before all", bench.folder / "all", bench.words("run")
    before.mkdir()
    store.mkdir()
    begun = time.monotonic()
    points = bench.points(store, words)
    return Scene("whole run", before, words, artefacts(store), points), time.monotonic() - begun


def _tell(table: dict[str, Counter[str]], seconds: float) -> int:
    columns = ("points", "survived", "torn", "said clearly", "half written", "whole", "refused")
    print("| what | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name, seen in table.items():
        print(f"| {name} | " + " | ".join(str(seen[column]) for column in columns) + " |")
    total = sum(table.values(), Counter())
    killed = sum(seen["points"] for name, seen in table.items() if name.startswith("kill"))
    print(f"durable points struck by SIGKILL: {killed}")
    print(f"all strikes: {total['points']}; survived: {total['survived']}; torn reads: {total['torn']}")
    print(f"CPU seconds: {seconds:.0f}")
    refused = sum(seen["points"] - seen["said clearly"] for name, seen in table.items() if name in FAULTS)
    bad = total["torn"] + total["differing"] + total["half written"] + total["not killed"] + refused
    return int(bool(bad) or total["survived"] < total["points"])


def _asked(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--double", type=int, default=20)
    parser.add_argument("--random", type=int, default=30)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
