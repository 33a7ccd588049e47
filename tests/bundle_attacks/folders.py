"""Attacks by what stands in the folder, and by what the manifest says of it."""

from __future__ import annotations

import os
import socket
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from outcome.bundle import MANIFEST, SIGNATURE
from tests.bundle_attacks.sealing import relisted

NAME, DEEP = "recipe.json", "estimators/died.preoperative/unit.json"


def missing(folder: Path) -> None:
    (folder / NAME).unlink()


def added(folder: Path) -> None:
    (folder / "extra.json").write_bytes(b"{}")


def added_deep(folder: Path) -> None:
    (folder / "estimators" / "died.preoperative" / "extra.npz").write_bytes(b"x")


def added_hidden(folder: Path) -> None:
    (folder / ".profile").write_bytes(b"x")


def empty_folder(folder: Path) -> None:
    (folder / "estimators" / "another.preoperative").mkdir()


def grown(folder: Path) -> None:
    with open(folder / NAME, "ab") as handle:
        handle.write(b" " * 100)


def truncated(folder: Path) -> None:
    os.truncate(folder / DEEP, 5)


def linked_file(folder: Path) -> None:
    """The same bytes, elsewhere: the hash would hold."""
    (folder / NAME).rename(folder.parent / f"{folder.name}.outside")
    (folder / NAME).symlink_to(folder.parent / f"{folder.name}.outside")


def linked_folder(folder: Path) -> None:
    (folder / "estimators").rename(folder.parent / f"{folder.name}.outside")
    (folder / "estimators").symlink_to(folder.parent / f"{folder.name}.outside")


def linked_manifest(folder: Path) -> None:
    (folder / MANIFEST).rename(folder.parent / f"{folder.name}.outside")
    (folder / MANIFEST).symlink_to(folder.parent / f"{folder.name}.outside")


def linked_device(folder: Path) -> None:
    (folder / NAME).unlink()
    (folder / NAME).symlink_to("/dev/zero")


def linked_in_a_circle(folder: Path) -> None:
    (folder / NAME).unlink()
    (folder / NAME).symlink_to(folder / NAME)


def linked_signature(folder: Path) -> None:
    (folder / SIGNATURE).symlink_to("/dev/zero")


def pipe(folder: Path) -> None:
    """Reading it would wait for ever."""
    (folder / NAME).unlink()
    os.mkfifo(folder / NAME)


def pipe_as_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    os.mkfifo(folder / MANIFEST)


def plug(folder: Path) -> None:
    """A socket."""
    (folder / NAME).unlink()
    here = os.getcwd()
    os.chdir(folder)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(NAME)
    finally:
        os.chdir(here)


def folder_for_file(folder: Path) -> None:
    (folder / NAME).unlink()
    (folder / NAME).mkdir()


def no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def no_folder(folder: Path) -> None:
    folder.rename(folder.parent / f"{folder.name}.gone")


def _manifest(data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / MANIFEST).write_bytes(data) and None


def huge_manifest(folder: Path) -> None:
    os.truncate(folder / MANIFEST, 2**40)


def respaced_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() + b" ")


def wrong_checksum(folder: Path) -> None:
    data = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(data.replace(b'"study": "tiny"', b'"study": "tidy"'))


def key_twice(folder: Path) -> None:
    data = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(data.replace(b"{", b'{"version": 3, ', 1))


def in_utf16(folder: Path) -> None:
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_text().encode("utf-16"))


def _told(**changes: object) -> Callable[[Path], None]:
    return lambda folder: relisted(folder, lambda told: told.update(changes))


def _renamed(name: str, *, on_disk: bool = False) -> Callable[[Path], None]:
    """The recipe under another name, in the manifest and where that is possible in the folder."""

    def spoil(folder: Path) -> None:
        relisted(folder, lambda told: told["files"].update({name: told["files"].pop(NAME)}))
        if on_disk:
            (folder / NAME).rename(folder / name)

    return spoil


def _beside(name: str) -> Callable[[Path], None]:
    """A second file of this name in the manifest, and in the folder where such a name can be there."""

    def spoil(folder: Path) -> None:
        relisted(folder, lambda told: told["files"].update({name: told["files"][NAME]}))
        with suppress(OSError, ValueError):
            place = folder / name
            if place.resolve().is_relative_to(folder.resolve()):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes((folder / NAME).read_bytes())

    return spoil


def _entry(**changes: object) -> Callable[[Path], None]:
    return lambda folder: relisted(folder, lambda told: told["files"][NAME].update(changes))


def climbing(folder: Path) -> None:
    (folder.parent / "outside.json").write_bytes((folder / NAME).read_bytes())
    _beside("../outside.json")(folder)


def too_many(folder: Path) -> None:
    entry = {"bytes": 0, "sha256": "0" * 64}
    relisted(folder, lambda told: told["files"].update({f"x{i}.json": entry for i in range(4_001)}))


def too_much(folder: Path) -> None:
    entry = {"bytes": 1024**3, "sha256": "0" * 64}
    relisted(folder, lambda told: told["files"].update({f"x{i}.safetensors": entry for i in range(3)}))


def no_list(folder: Path) -> None:
    relisted(folder, lambda told: told.update(files=["recipe.json"]))


FOLDER_ATTACKS: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        missing, added, added_deep, added_hidden, empty_folder, grown, truncated, linked_file, linked_folder,
        linked_manifest, linked_device, linked_in_a_circle, linked_signature, pipe, pipe_as_manifest, plug,
        folder_for_file, no_manifest, no_folder, huge_manifest, respaced_manifest, wrong_checksum, key_twice, in_utf16,
        climbing, too_many, too_much, no_list,
    )
} | {
    "manifest_empty": _manifest(b""),
    "manifest_of_pickle": _manifest(b"\x80\x04K\x01."),
    "manifest_without_end": _manifest(b"[" * 200_000),
    "manifest_is_a_number": _manifest(b"3\n"),
    "another_format": _told(format="other"),
    "newer_version": _told(version=99),
    "version_1": _told(version=1),
    "version_in_words": _told(version="3"),
    "version_true": _told(version=True),
    "another_key": _told(run="rm"),
    "facts_no_list": _told(facts=[]),
    "library_newer": _told(facts={"libraries": {"lightgbm": "99.0.0"}}),
    "library_without_version": _told(facts={"libraries": {"lightgbm": "latest"}}),
    "libraries_no_list": _told(facts={"libraries": "all"}),
    "name_from_the_root": _beside("/etc/passwd.json"),
    "name_of_windows": _beside("..\\outside.json"),
    "name_of_a_drive": _beside("C:/outside.json"),
    "name_with_a_null": _beside("re\0cipe.json"),
    "name_with_an_escape": _beside("\x1b[2Jrecipe.json"),
    "name_with_a_line": _beside("recipe\n.json"),
    "name_decomposed": _beside(unicodedata.normalize("NFD", "é.json")),
    "name_turned_round": _beside("re\u202enosj.json"),
    "name_without_end": _beside("x" * 300 + ".json"),
    "name_deep": _beside("a/b/c/d/e.json"),
    "name_hidden": _renamed(".recipe.json", on_disk=True),
    "name_of_dots": _beside("estimators/./unit.json"),
    "name_empty_step": _beside("estimators//unit.json"),
    "name_in_capitals": _beside("Recipe.json"),
    "folder_in_capitals": _beside("Estimators/x.json"),
    "name_of_the_manifest": _beside("Manifest.json"),
    "name_of_the_signature": _beside("signature.json"),
    "file_below_a_file": _beside("recipe.json/x.json"),
    "kind_pickle": _renamed("model.pkl", on_disk=True),
    "kind_program": _renamed("run.py", on_disk=True),
    "kind_library": _renamed("run.so", on_disk=True),
    "kind_none": _renamed("recipe", on_disk=True),
    "size_below_zero": _entry(bytes=-1),
    "size_in_words": _entry(bytes="5"),
    "size_true": _entry(bytes=True),
    "size_a_fraction": _entry(bytes=5.0),
    "size_beyond_its_kind": _entry(bytes=2**40),
    "size_smaller": _entry(bytes=4),
    "hash_of_another": _entry(sha256="0" * 64),
    "hash_short": _entry(sha256="0" * 8),
    "hash_no_text": _entry(sha256=0),
    "entry_with_more": _entry(run="rm"),
}  # fmt: skip
