"""Identifiers planted wherever a hospital's files hold them are found in nothing that leaves, nor after a crash."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

import app.main
import outcome
from outcome.cli.main import run
from outcome.parquet import parquet_bytes
from outcome.store import folder_digests
from tests.planted_search import Search
from tests.planted_study import PLANTED, write_key, write_planted_study

ROOT = Path(outcome.__file__).parent.parent
SEARCH = Search(PLANTED)
# What the person at the screen typed or needs: where the study lies, and which case is meant.
OWN = ("source folder", "case id", "record number")
BESIDE_ID = Search({what: value for what, value in PLANTED.items() if what not in OWN})


def told(*words: object) -> tuple[int, str]:
    """Exit code of a command, and all that it wrote to the screen."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run([str(word) for word in words])
    return code, out.getvalue()


def deidentify(study: Path, out: Path, key: Path, *words: object) -> tuple[int, str]:
    return told("deidentify", study, "--out", out, "--key-file", key, "--keep-text", "codes", *words)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted study's file: do not change it."""
    return write_planted_study(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def handed_over(source: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The copy, and what the command said: do not change it."""
    out = tmp_path_factory.mktemp("outside") / "copy"
    code, words = deidentify(source, out, key)
    assert code == 0, words
    return out, words


def test_every_identifier_is_planted(source: Path) -> None:
    found = SEARCH.in_folder(source.parent.parent)
    assert len(PLANTED) >= 25
    assert set().union(*found.values()) == set(PLANTED)


def _npz(text: str) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, names=np.array([text]))
    return out.getvalue()


def _zip(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv.gz", gzip.compress(text.encode()))
    return out.getvalue()


def _sqlite(text: str) -> bytes:
    with sqlite3.connect(":memory:") as base:
        base.execute("create table t (a)")
        base.execute("insert into t values (?)", (text,))
        base.commit()
        return base.serialize()


PACKED: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "capitals": lambda text: text.upper().encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zip": _zip,
    "npz": _npz,
    "parquet": lambda text: parquet_bytes(pd.DataFrame({"a": [text] * 3})),
    "sqlite": _sqlite,
    "pdf": lambda text: b"%PDF-1.7\n1 0 obj\nstream\n" + zlib.compress(text.encode()) + b"\nendstream\n",
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(b"ab" + text.encode() + b"c"),
    "packed in base64": lambda text: b"src=" + base64.b64encode(gzip.compress(text.encode() + os.urandom(64))),
    "hash without a key": lambda text: hashlib.sha256(text.encode()).hexdigest().encode(),
}


@pytest.mark.parametrize("how", PACKED)
def test_the_search_finds_an_identifier_however_it_is_packed(how: str) -> None:
    for what in ("surname", "telephone", "date of birth"):
        assert what in SEARCH.in_bytes(PACKED[how](PLANTED[what])), what
    assert SEARCH.in_bytes(PACKED[how]("nobody's words")) == set()


def test_nothing_planted_is_found_in_the_copy_or_in_what_the_command_said(handed_over: tuple[Path, str]) -> None:
    copy, words = handed_over
    assert {path.name for path in copy.iterdir()} == {
        "table.csv", "dictionary.csv", "study.yaml", "deidentified.json", "images", "masks"
    }  # fmt: skip
    assert SEARCH.in_folder(copy) == {}
    assert SEARCH.in_bytes(words.encode()) == set()


def test_the_source_is_only_read(source: Path, key: Path, tmp_path: Path) -> None:
    before = folder_digests(source.parent)
    assert deidentify(source, tmp_path / "copy", key)[0] == 0
    assert folder_digests(source.parent) == before


@pytest.mark.slow
def test_nothing_planted_is_found_after_every_later_command(handed_over: tuple[Path, str], tmp_path: Path) -> None:
    copy, _ = handed_over
    study, store = copy / "study.yaml", tmp_path / "store"
    series = ("--dicom-series", "images/mr/{case_id}", "--kinds", "sr,pdf,fhir")
    bundle = store / "planted" / "bundle"
    said = []
    for words in (
        ("check", study),
        ("run", study, "--store", store),
        ("bundle", "inspect", bundle),
        ("predict", bundle, study, "--out", tmp_path / "predictions", "--partition", "late"),
        ("export", bundle, study, "--predictions", store, "--out", tmp_path / "objects", *series),
        ("status", store),
    ):
        code, text = told(*words)
        assert code == 0, text
        said.append(text)
    page = pages(store)
    assert (copy / "table.csv").read_text().splitlines()[1][:21] in page
    found = SEARCH.in_folder(store, tmp_path / "predictions", tmp_path / "objects")
    assert found == {}
    assert SEARCH.in_bytes("\n".join([*said, page]).encode()) == set()
    assert len(list((tmp_path / "objects").rglob("report.dcm"))) == 2


def pages(store: Path) -> str:
    """All that the dashboard puts on its pages, as it sends them to the browser."""
    st.cache_resource.clear()
    st.cache_data.clear()
    config.set_option("server.address", "127.0.0.1")
    before, sys.argv = sys.argv, ["main.py", "--store", str(store)]
    try:
        shown = []
        for view in ("worklist", "patient", "model"):
            page = AppTest.from_file(str(Path(app.main.__file__)), default_timeout=120)
            page.query_params["view"] = view
            page.run()
            assert not page.exception
            shown.append("\n".join(str(element) for element in page.main))
        return "\n".join(shown)
    finally:
        sys.argv = before


def damaged(source: Path, folder: Path) -> Path:
    """A copy of the source one of whose DICOM files ends early."""
    shutil.copytree(source.parent, folder / "other")
    file = next((folder / "other").rglob("Cholmondeley*"))
    file.write_bytes(file.read_bytes()[:-200])
    return folder / "other" / "study.yaml"


def test_a_damaged_image_is_left_out_without_a_word_of_its_file(source: Path, key: Path, tmp_path: Path) -> None:
    code, words = deidentify(damaged(source, tmp_path), tmp_path / "copy", key)
    assert code == 4
    assert PLANTED["case id"] in words  # for whoever has to mend it
    assert BESIDE_ID.in_bytes(words.encode()) == set()
    assert SEARCH.in_folder(tmp_path / "copy") == {}
    assert len(list((tmp_path / "copy" / "images" / "mr").iterdir())) == 3


REFUSED: dict[str, tuple[str, str]] = {
    "notes that name a patient": ("title: Operations", f"notes: ['{PLANTED['surname']}, {PLANTED['first name']}']\n"
                                  "title: Operations"),
    "a title that names the site": ("of two hospitals", f"at {PLANTED['site']}"),
    "an endpoint of a date": ("event: {variable: complication, equals: true}",
                              "event: {variable: discharge, above: 2021-11-01}"),
    "a subgroup that is dropped": ("training:", "subgroups: [{variable: note}]\ntraining:"),
    "a column that is not there": ('separator: ";"', 'separator: ","'),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_says_no_more_than_the_place(what: str, source: Path, key: Path, tmp_path: Path) -> None:
    before, after = REFUSED[what]
    changed = source.read_text(encoding="utf-8").replace(before, after)
    assert changed != source.read_text(encoding="utf-8")
    (tmp_path / "study.yaml").write_text(changed.replace("root: .", f"root: {source.parent}"), encoding="utf-8")
    shutil.copy(source.parent / "dictionary.csv", tmp_path)
    code, words = deidentify(tmp_path / "study.yaml", tmp_path / "copy", key)
    assert code == 3
    assert BESIDE_ID.in_bytes(words.encode()) == set()
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize("command", ["check", "cohort"])
def test_commands_on_the_source_name_cases_and_nobody(command: str, source: Path, tmp_path: Path) -> None:
    store = ("--store", tmp_path / "store") if command == "cohort" else ()
    _, words = told(command, source, *store, "--json")
    assert "not_a_number" in words or command == "cohort"
    assert BESIDE_ID.in_bytes(words.encode()) == set()


# Runs the command in children of a process that has everything imported, and kills each at its nth durable write.
KILLED = """
import os, signal, sys
import outcome.pipeline.deidentify, outcome.pipeline.deidentify_case
import outcome.store as store
from outcome.cli.main import run

words, points = sys.argv[2:], [int(n) for n in sys.argv[1].split(",")]
done, put, flush, replace = [0], store._put, store._flush, os.replace

def counted(work, half=None):
    def at_work(*given):
        done[0] += 1
        if done[0] == point:
            half and half(*given)
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*given)
    return at_work

for number, point in enumerate(points):
    place = words.index("--out") + 1
    words[place] = words[place].rstrip("0123456789") + str(number)
    child = os.fork()
    if child == 0:
        store._put = counted(put, lambda path, data: put(path, data[: len(data) // 2]))
        store._flush, os.replace = counted(flush), counted(replace)
        os._exit(run(words))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


POINTS = [4, 120, 186]  # of about 190: within the first file, between files, before the folder gets its name


def killed(points: list[int], *words: object) -> list[str]:
    """How the runs of a command ended that were to be killed at these points."""
    command = [sys.executable, "-c", KILLED, ",".join(map(str, points)), *map(str, words), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.stdout.split(), done.stderr
    assert SEARCH.in_bytes((done.stdout + done.stderr).encode()) == set()
    return done.stdout.split()


def test_a_killed_run_leaves_nothing_planted_and_the_next_one_ends_as_if_undisturbed(
    source: Path, key: Path, handed_over: tuple[Path, str], tmp_path: Path
) -> None:
    out = tmp_path / "copy"  # with the number of the run behind it
    words = ("deidentify", source, "--out", out, "--key-file", key, "--keep-text", "codes")
    assert killed(POINTS, *words) == ["-9"] * len(POINTS)
    left = list(tmp_path.iterdir())
    assert [path.name.startswith(".tmp-") for path in left] == [True] * len(POINTS)
    assert any(any(folder.rglob("*.dcm")) for folder in left)
    assert any(any(folder.rglob("deidentified.json")) for folder in left)
    assert SEARCH.in_folder(tmp_path) == {}
    assert deidentify(source, tmp_path / "copy2", key)[0] == 0
    assert len(list(tmp_path.glob(".tmp-*-copy2"))) == 0
    assert folder_digests(tmp_path / "copy2") == folder_digests(handed_over[0])


def test_a_full_disk_leaves_nothing_at_all(
    source: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("outcome.store._flush", full)
    code, words = deidentify(source, tmp_path / "copy", key)
    assert (code, "the disk is full" in words) == (3, True)
    assert list(tmp_path.iterdir()) == []
    assert SEARCH.in_bytes(words.encode()) == set()
