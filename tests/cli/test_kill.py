"""SIGKILL at any moment: the next run goes on, and ends with the very bytes of an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill_resume import main
from outcome.pipeline.synth import write_synthetic_study
from tests.cli.conftest import FAST

FEW = 36  # two endpoints have events enough


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_study(tmp_path, FEW, 3, "A")
    settings = [word for setting in FAST for word in ("--set", setting)]
    study = str(tmp_path / "study.yaml")
    code = main([study, "--kills", "3", "--seed", "5", "--workers", "2", "--pace", "6", *settings])
    printed = capsys.readouterr().out
    assert "SIGKILLs that hit a living run: 3" in printed
    assert "differing or missing after resuming: 0" in printed
    assert code == 0
