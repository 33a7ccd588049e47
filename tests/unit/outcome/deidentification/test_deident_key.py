"""Pseudonyms follow from the key alone; a key that others may read, or that can be guessed, is refused."""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from outcome.deidentification.key import Key, read_key, shifted_day
from outcome.errors import ConfigRefusal

KEY, OTHER = Key(bytes(range(32))), Key(bytes(range(1, 33)))
DIGITS = "0123456789abcdef" * 4


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    os.chmod(path, mode)
    return path


def test_a_pseudonym_is_the_keyed_hash_of_its_kind_and_value() -> None:
    by_hand = hmac.new(bytes(range(32)), b"patient\0MRN 1", hashlib.sha256).hexdigest()
    assert KEY.pseudonym("patient", "MRN 1") == "p" + by_hand[:20]
    assert KEY.pseudonym("case", "MRN 1")[1:] != by_hand[:20]
    assert OTHER.pseudonym("patient", "MRN 1") != KEY.pseudonym("patient", "MRN 1")


def test_a_uid_is_a_uuid_of_version_8_in_the_standard_form() -> None:
    uid = KEY.uid("1.2.840.1")
    root, number = uid.rsplit(".", 1)
    read = UUID(int=int(number))
    assert (root, read.version, read.variant) == ("2.25", 8, "specified in RFC 4122")
    assert len(uid) <= 64
    assert KEY.uid("1.2.840.1") == uid != KEY.uid("1.2.840.2")


def test_shifts_cover_their_range_and_never_leave_it() -> None:
    shifts = [KEY.days(f"patient {n}", 30) for n in range(600)]
    assert set(shifts) == set(range(1, 31))
    assert [OTHER.days(f"patient {n}", 30) for n in range(600)] != shifts


def test_days_between_two_dates_of_a_patient_stay() -> None:
    days = KEY.days("a", 365)
    first, second = (date.fromisoformat(shifted_day(text, days)) for text in ("2023-12-30", "2024-03-01"))
    assert (second - first).days == 62
    assert shifted_day("20240301", 1) == "20240229"
    assert [shifted_day(text, 3) for text in ("", "0000", "2024-02-30", "Smith")] == [""] * 4


def test_a_key_is_read_and_neither_shown_nor_given_away_by_its_check(tmp_path: Path) -> None:
    key = read_key(write(tmp_path / "key", DIGITS + "\n"))
    assert key == Key(bytes.fromhex(DIGITS))
    assert DIGITS[:8] not in repr(key)
    assert len(key.check) == 8
    assert key.check != OTHER.check


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (DIGITS[:-2], 0o600, "too weak"),
        ("", 0o600, "too weak"),
        ("ab" * 40, 0o600, "too weak"),
        ("my dog's name is Rex " * 5, 0o600, "too weak"),
        (DIGITS, 0o644, "read by others"),
        (DIGITS, 0o640, "read by others"),
        (DIGITS, 0o602, "read by others"),
    ],
)
def test_bad_keys_are_refused_without_a_digit_of_them(text: str, mode: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigRefusal, match=words) as caught:
        read_key(write(tmp_path / "key", text, mode))
    assert not text or text[:10] not in str(caught.value)


def test_a_missing_key_or_a_folder_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigRefusal, match="openssl rand"):
            read_key(path)
