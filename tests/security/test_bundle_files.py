"""A bundle is read as it was written, or refused by name: every byte, every file, no link, no stranger."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from outcome.bundle import MANIFEST, read_bundle, write_bundle
from outcome.errors import EXIT_REFUSED, BundleRefusal

FILES = {"recipe.json": b"{}", "estimators/death.preoperative/model.json": b'{"a": 1}', "MODEL_CARD.md": b"# card"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", FILES, {"study": "s"})
    return tmp_path / "bundle"


def test_a_bundle_comes_back_as_written(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert dict(read.files) == FILES
    assert read.facts == {"study": "s"}
    assert read.under("estimators/death.preoperative") == {"model.json": b'{"a": 1}'}


def test_equal_content_has_an_equal_id_and_changed_content_another(tmp_path: Path) -> None:
    first = write_bundle(tmp_path / "a", FILES, {"study": "s"})
    assert first == write_bundle(tmp_path / "b", dict(reversed(FILES.items())), {"study": "s"})
    assert first == read_bundle(tmp_path / "b").id
    assert first != write_bundle(tmp_path / "c", {**FILES, "recipe.json": b"{ }"}, {"study": "s"})


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_is_refused(bundle: Path, name: str) -> None:
    data = (bundle / name).read_bytes()
    for position in range(len(data)):
        (bundle / name).write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(BundleRefusal, match=r"changed after it was written"):
            read_bundle(bundle)


def test_a_changed_manifest_is_refused_or_has_another_id(bundle: Path) -> None:
    """A byte of the manifest may spell another valid manifest: then the id, which is its hash, differs."""
    before, data = read_bundle(bundle).id, (bundle / MANIFEST).read_bytes()
    ids = set()
    for position in range(len(data)):
        (bundle / MANIFEST).write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with suppress(BundleRefusal):
            ids.add(read_bundle(bundle).id)
    assert before not in ids


def _remove(bundle: Path) -> None:
    (bundle / "recipe.json").unlink()


def _add(bundle: Path) -> None:
    (bundle / "extra.pkl").write_bytes(b"x")


def _add_below(bundle: Path) -> None:
    (bundle / "estimators" / "evil.txt").write_bytes(b"x")


def _link_file(bundle: Path) -> None:
    (bundle.parent / "outside").write_bytes(FILES["recipe.json"])
    (bundle / "recipe.json").unlink()
    (bundle / "recipe.json").symlink_to(bundle.parent / "outside")


def _link_folder(bundle: Path) -> None:
    (bundle / "estimators").rename(bundle.parent / "elsewhere")
    (bundle / "estimators").symlink_to(bundle.parent / "elsewhere")


def _grow(bundle: Path) -> None:
    with open(bundle / "recipe.json", "ab") as handle:
        handle.write(b" " * 100)


def _edit_manifest(bundle: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((bundle / MANIFEST).read_bytes())
    change(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def _climb(bundle: Path) -> None:
    (bundle.parent / "outside").write_bytes(b"{}")
    _edit_manifest(bundle, lambda m: m["files"].update({"../outside": m["files"]["recipe.json"]}))


def _absolute(bundle: Path) -> None:
    _edit_manifest(bundle, lambda m: m["files"].update({"/etc/passwd": m["files"]["recipe.json"]}))


def _newer(bundle: Path) -> None:
    _edit_manifest(bundle, lambda m: m.update(version=99))


def _foreign(bundle: Path) -> None:
    _edit_manifest(bundle, lambda m: m.update(format="other"))


def _nonsense(bundle: Path) -> None:
    (bundle / MANIFEST).write_bytes(b"\x80\x04K\x01.")


def _deep(bundle: Path) -> None:
    (bundle / MANIFEST).write_bytes(b"[" * 200_000)


def _no_manifest(bundle: Path) -> None:
    (bundle / MANIFEST).unlink()


ATTACKS = [_remove, _add, _add_below, _link_file, _link_folder, _grow, _climb, _absolute, _newer, _foreign, _nonsense,
           _deep, _no_manifest]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda f: f.__name__.strip("_"))
def test_tampering_is_refused(bundle: Path, attack: Callable[[Path], None]) -> None:
    attack(bundle)
    with pytest.raises(BundleRefusal) as caught:
        read_bundle(bundle)
    assert caught.value.exit_code == EXIT_REFUSED


def test_a_bundle_cannot_be_written_with_an_escaping_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a file name"):
        write_bundle(tmp_path / "b", {"../x": b""}, {})
