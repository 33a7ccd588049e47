"""A spoiled bundle is refused by name, with exit code 3 and without a traceback, whatever its hashes say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from outcome.bundle import MANIFEST, SIGNATURE, read_bundle, sign_bundle
from outcome.bundle.signature import make_keys
from outcome.cli.main import run
from outcome.errors import EXIT_OK, EXIT_REFUSED, BundleRefusal
from outcome.serving.sound import admit
from tests.bundle_attacks import ATTACKS, attacked
from tests.bundle_attacks.sealing import manifest_of, put
from tests.tiny_bundle import tiny_files

FLIPS = 1000


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    return tiny_files()


def test_the_bundle_before_any_attack_is_admitted(files: Mapping[str, bytes], tmp_path: Path) -> None:
    folder = put(tmp_path / "bundle", files, manifest_of(files))
    assert run(["bundle", "verify", str(folder)]) == EXIT_OK
    assert len(ATTACKS) == len(set(ATTACKS)) >= 60


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(
    name: str, files: Mapping[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["bundle", "verify", str(attacked(name, files, tmp_path / "bundle"))])
    told = capsys.readouterr()
    assert (code, told.out) == (EXIT_REFUSED, "")
    assert told.err.startswith("refused: ")
    assert {"  expected: ", "  found: ", "  next step: "} <= {
        line[: line.find(": ") + 2] for line in told.err.split("\n")
    }
    assert told.err.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forest_in_a_circle", "estimators/died.preoperative.*rung_1.*no later node"),
        ("trees_in_a_circle", "estimators/died.preoperative.*procedure.*in a circle"),
        ("refit_longer", "estimators/relapse.preoperative.*ensemble.*3 columns"),
        ("arrays_bomb", r"estimators/relapse\.preoperative/procedure\.npz.*unpacks to"),
        ("arrays_stated_size", r"procedure\.npz.*4294967294 bytes, more than"),
        ("arrays_overlapping", r"procedure\.npz.*does not stand where"),
        ("arrays_locked", r"procedure\.npz.*packed in a way"),
        ("json_long_number", r"ladder\.json.*5000 digits"),
        ("name_in_capitals", "names impossible files.*Recipe.json"),
        ("too_many", "more than 4000"),
        ("recipe_of_endless_crops", r"recipe\.json.*voxels"),
    ],
)
def test_the_part_and_the_reason_are_named(name: str, words: str, files: Mapping[str, bytes], tmp_path: Path) -> None:
    """Some would be refused for another reason too, after their memory was taken: it is the first that counts."""
    with pytest.raises(BundleRefusal, match=f"(?s){words}"):
        admit(attacked(name, files, tmp_path / "bundle"))


def test_byte_flips_are_refused(files: Mapping[str, bytes], tmp_path: Path) -> None:
    """One bit of any file, manifest and signature among them; each file gets its share and the first and last byte."""
    folder = put(tmp_path / "bundle", files, manifest_of(files))
    make_keys(tmp_path / "maker")
    sign_bundle(folder, tmp_path / "maker")
    names, rng = [*sorted(files), MANIFEST, SIGNATURE], np.random.default_rng(20)
    admitted = []
    for number in range(FLIPS):
        path = folder / names[number % len(names)]
        whole = path.read_bytes()
        edges = {0: 0, 1: len(whole) - 1}
        place = edges.get(number // len(names), int(rng.integers(len(whole))))
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoiled)
        try:
            read_bundle(folder)
            admitted.append((path.name, place))
        except BundleRefusal:
            pass
        path.write_bytes(whole)
    assert admitted == []
    assert read_bundle(folder).signed_by is not None


def test_a_flip_in_an_unsigned_manifest_is_refused_too(files: Mapping[str, bytes], tmp_path: Path) -> None:
    """Its checksum tells of accidents; of intent, which writes the checksum anew, only a signature tells."""
    folder = put(tmp_path / "bundle", {"ladder.json": b"{}"}, manifest_of({"ladder.json": b"{}"}))
    whole = (folder / MANIFEST).read_bytes()
    for place in range(len(whole)):
        (folder / MANIFEST).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BundleRefusal):
            read_bundle(folder)
