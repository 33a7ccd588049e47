"""Pseudonyms, identifiers and shifts that follow from a secret key: the same key and patient, the same answer.

Whoever holds neither the key nor the source cannot turn a pseudonym back; whoever holds the key and a list of
identifiers can. References: HMAC, RFC 2104 with SHA-256; UIDs from UUIDs, DICOM PS3.5, B.2; UUID version 8, RFC 9562.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from outcome.errors import ConfigRefusal

LEAST_DIGITS = 64
PSEUDONYM_DIGITS = 20  # hexadecimal: 80 bits; of a million patients two share one with a chance below 1e-12
_CHECK_DIGITS = 8
_HOW = "(umask 077; openssl rand -hex 32 > KEYFILE)"


@dataclass(frozen=True)
class Key:
    """A secret of 32 bytes or more; never shown, never written."""

    secret: bytes = field(repr=False)

    def pseudonym(self, kind: str, value: str) -> str:
        """The name that a patient, a case or a site has from now on: the kind's first letter and 20 digits."""
        return f"{kind[0]}{self._digest(kind, value).hex()[:PSEUDONYM_DIGITS]}"

    def uid(self, uid: str) -> str:
        """The DICOM UID in place of another."""
        number = int.from_bytes(self._digest("uid", uid)[:16], "big")
        number = number & ~(0xF << 76) | 0x8 << 76
        return f"2.25.{number & ~(0x3 << 62) | 0x2 << 62}"

    def days(self, patient: str, most: int) -> int:
        """By how many days a patient's dates move to the past, from 1 to `most`."""
        return 1 + int.from_bytes(self._digest("days", patient), "big") % most

    @property
    def check(self) -> str:
        """Eight digits that tell whether two studies were made with one key, and nothing of it."""
        return self._digest("check", "").hex()[:_CHECK_DIGITS]

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self.secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()


def read_key(path: Path) -> Key:
    """The key in a file of 64 or more hexadecimal digits that its owner alone may read. Raises ConfigRefusal."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _refusal("is no file", "a file", "something else")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise _refusal(
                "can be read by others", "mode 0600", f"{stat.S_IMODE(found.st_mode):04o}", "chmod 600 KEYFILE"
            )
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise _refusal("does not exist", "a file that you make once and keep", "none") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal("cannot be read", "hexadecimal digits", type(error).__name__) from None
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text) or len(text) < LEAST_DIGITS or len(set(text.lower())) < 8:
        digits = len(text) if re.fullmatch(r"[0-9a-fA-F]*", text) else "other characters"
        raise _refusal("is too weak", f"{LEAST_DIGITS} or more random hexadecimal digits", str(digits))
    return Key(bytes.fromhex(text))


def _refusal(what: str, expected: str, found: str, step: str = f"make one with {_HOW}, and keep it") -> ConfigRefusal:
    return ConfigRefusal(f"the key file {what}", expected=expected, found=found, next_step=step)


def shifted_day(text: str, days: int) -> str:
    """An ISO date or YYYYMMDD so many days earlier, in its own form; empty where it is none."""
    try:
        moved = date.fromisoformat(text) - timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return moved.isoformat() if "-" in text else moved.strftime("%Y%m%d")
