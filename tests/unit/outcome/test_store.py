"""The store keeps whole files or none, one writer at a time, and equal bytes for equal work."""

from __future__ import annotations

import errno
import os
import platform
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome import store
from outcome.errors import StoreRefusal
from outcome.store import StudyStore


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    store.write_json(path, {"v": 1})

    def half(temporary: Path) -> None:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        store.write_with(path, half)
    assert store.read_json(path) == {"v": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_refused_with_the_remedy(tmp_path: Path) -> None:
    def full(temporary: Path) -> None:
        temporary.write_text("x", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreRefusal, match="the disk is full") as caught:
        store.write_with(tmp_path / "a", full)
    assert "free space" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_device_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreRefusal, match="disk is full"),
        store.writing(tmp_path),
        open("/dev/full", "wb", 0) as handle,
    ):
        handle.write(b"x")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "unit"
    store.write_folder(target, lambda t: store.write_text(t / "one", "1"))
    store.write_folder(target, lambda t: store.write_text(t / "two", "2"))
    assert [p.name for p in target.iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["unit"]


def test_equal_values_give_equal_bytes() -> None:
    left = {"b": np.float64(0.1), "a": [np.int64(3), float("nan")], "c": {2, 1}}
    right = {"c": [1, 2], "a": (3, None), "b": 0.1}
    assert store.canonical_json(left) == store.canonical_json(right)
    assert store.digest(left) != store.digest({**right, "b": 0.2})


def test_the_same_frame_gives_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"case_id": ["a", "b"], "x": [1.5, np.nan]})
    store.write_parquet(tmp_path / "1", frame)
    store.write_parquet(tmp_path / "2", frame.copy())
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    pd.testing.assert_frame_equal(store.read_parquet(tmp_path / "1"), frame)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"{"])
def test_a_damaged_artefact_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "features" / "features.parquet"
    store.write_bytes(path, damage)
    with pytest.raises(StoreRefusal, match=r"features\.parquet is damaged"):
        store.read_parquet(path)


def test_a_missing_artefact_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StoreRefusal, match=r"outcome radiomics STUDY\.yaml"):
        store.read_parquet(tmp_path / "radiomics" / "radiomics.parquet")


def test_a_second_process_is_refused_and_told_who_works_there(tmp_path: Path) -> None:
    code = (
        "import sys; from outcome.store import StudyStore\n"
        "from outcome.errors import StoreRefusal\n"
        "try:\n"
        "    with StudyStore(sys.argv[1], 's').lock(): print('in')\n"
        "except StoreRefusal as e: print(e)"
    )
    with StudyStore(tmp_path, "s").lock():
        inside = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    after = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "in use" in inside.stdout
    assert f"process {os.getpid()} on {platform.node()}, since " in inside.stdout
    assert after.stdout.strip() == "in"


def test_taking_the_lock_sweeps_what_a_kill_left(tmp_path: Path) -> None:
    place = StudyStore(tmp_path, "s")
    (place.folder / "segment").mkdir(parents=True)
    (place.folder / "segment" / f"{store.TEMPORARY_PREFIX}1-a.json").write_text("half")
    (place.folder / f"{store.TEMPORARY_PREFIX}2-unit").mkdir()
    with place.lock():
        assert [p.name for p in place.folder.rglob("*") if p.name.startswith(store.TEMPORARY_PREFIX)] == []


def test_a_file_larger_than_this_process_may_write_is_refused(tmp_path: Path) -> None:
    """A real limit of the operating system, met half way through a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(StoreRefusal, match="larger than this disk or process may write") as caught:
            store.write_bytes(tmp_path / "a", b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "next step" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_the_lock_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store.os, "getpid", refused)
    with pytest.raises(StoreRefusal, match="cannot write"), StudyStore(tmp_path, "s").lock():
        pass


def test_a_failure_that_names_a_file_elsewhere_is_not_about_the_store(tmp_path: Path) -> None:
    elsewhere = tmp_path / "hospital" / "table.csv"
    with pytest.raises(PermissionError), store.writing(tmp_path / "store" / "study"):
        raise PermissionError(errno.EACCES, "Permission denied", str(elsewhere))
    with pytest.raises(StoreRefusal, match="not permitted"), store.writing(tmp_path / "store" / "study"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "store" / "study" / "cohort" / "a"))


@pytest.mark.parametrize("again", [False, True], ids=["gone", "made anew"])
def test_a_folder_that_goes_while_it_is_written_is_refused(tmp_path: Path, again: bool) -> None:
    folder = tmp_path / "study" / "cohort"

    def work() -> None:
        store.write_text(folder / "a", "1")
        shutil.rmtree(tmp_path / "study")
        if again:
            store.write_text(folder / "b", "2")

    with pytest.raises(StoreRefusal, match="removed or moved"), store.staying(folder):
        work()
    with store.staying(folder):
        store.write_text(folder / "a", "1")


def test_nobody_reads_half_of_a_folder_that_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "unit"
    store.write_folder(target, lambda t: [store.write_text(t / name, "old") for name in "abc"] and None)
    seen = []
    real = shutil.rmtree

    def watched(path: Path, **named: bool) -> None:
        seen.append(sorted(p.name for p in target.iterdir()) if target.exists() else [])
        real(path, **named)

    monkeypatch.setattr(store.shutil, "rmtree", watched)
    store.write_folder(target, lambda t: store.write_text(t / "d", "new"))
    assert set(map(tuple, seen)) <= {("a", "b", "c"), ("d",)}
    assert seen[-1] == ["d"]
    assert [p.name for p in tmp_path.iterdir()] == ["unit"]
