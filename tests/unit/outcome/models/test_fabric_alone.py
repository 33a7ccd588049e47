"""A training inside a worker that Slurm started is a training of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_slurm_s_word_about_its_tasks_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from outcome.models.network.fabric import fabric_alone

    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    told = {
        "SLURM_NTASKS": "4",
        "SLURM_JOB_NAME": "dask",
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "3",
        "SLURM_NNODES": "4",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    fabric = fabric_alone(accelerator="cpu", devices=1)
    assert (fabric.world_size, fabric.global_rank) == (1, 0)
