"""A small synthetic study, run once, that the command-line tests copy and damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from outcome.cli.main import run
from outcome.pipeline.synth import write_synthetic_study

PATIENTS = 80
FAST = ("training.outer_folds=2", "training.inner_folds=2", "training.bootstraps=4", "training.families=[ridge]")


@dataclass(frozen=True)
class Answer:
    """How a command ended: exit code, what it printed on stdout and on stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Answer]


def with_settings(words: Sequence[str], settings: Sequence[str] = FAST) -> list[str]:
    return [*words, *(word for setting in settings for word in ("--set", setting))]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run one command line in this process; a traceback on stderr fails the test."""

    def answer(*words: object) -> Answer:
        capsys.readouterr()
        code = run([str(word) for word in words])
        got = capsys.readouterr()
        assert "Traceback" not in got.err
        return Answer(code, got.out, got.err)

    return answer


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sites A and B, and a store in which site A was run: do not change it, copy it."""
    folder = tmp_path_factory.mktemp("made")
    for site in ("A", "B"):
        write_synthetic_study(folder / site, PATIENTS, 3, site)
    words = ["run", str(folder / "A" / "study.yaml"), "--store", str(folder / "store"), "--quiet"]
    assert run(with_settings(words)) == 0
    return folder


@pytest.fixture
def studies(made: Path, tmp_path: Path) -> Path:
    """A copy of the two sites' studies, without any store."""
    for site in ("A", "B"):
        shutil.copytree(made / site, tmp_path / site)
    return tmp_path
