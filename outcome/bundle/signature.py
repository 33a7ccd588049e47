"""Who made a bundle: an Ed25519 signature over its manifest, which holds the hash of every file (RFC 8032).

`signature.json` names the key by its fingerprint, the SHA-256 of its 32 bytes, and carries the key. A signature proves
that nothing changed since somebody with that key signed; who that is, only a list of trusted keys can say.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from outcome.bundle.folder import AGAIN
from outcome.bundle.json_text import strict_json
from outcome.errors import BundleRefusal, ConfigRefusal
from outcome.store import canonical_json, write_bytes, writing

ALGORITHM = "Ed25519"
CONTEXT = b"surgical-outcome-bundle signature 1\n"  # stands before the manifest, so that it signs nothing else
LARGEST_KEY = 64 * 1024
_KEYS = {"algorithm", "key", "public_key", "signature"}


def make_keys(private: Path) -> Path:
    """Write a new private key (readable by its owner alone) and beside it its public key `.pub`, which is given back.

    Raises ConfigRefusal where either file is there: a key that is overwritten is lost.
    """
    public = private.with_name(f"{private.name}.pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise ConfigRefusal(
                f"{path} is there already", next_step="choose another name: a lost key cannot be had back"
            )
    key = Ed25519PrivateKey.generate()
    with writing(private):
        private.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_bytes(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def fingerprint(key: Ed25519PublicKey) -> str:
    """The SHA-256 of a key's 32 bytes, in hex."""
    return hashlib.sha256(_raw(key)).hexdigest()


def trusted_fingerprints(keys: Sequence[Path]) -> frozenset[str]:
    """The fingerprints of public keys in PEM files. Raises ConfigRefusal for a file that holds none."""
    return frozenset(fingerprint(_public_key(path)) for path in keys)


def sign(manifest: bytes, private: Path) -> bytes:
    """`signature.json` for a manifest. Raises ConfigRefusal for a key that is none or that others may read."""
    key = _private_key(private)
    public = key.public_key()
    return canonical_json(
        {
            "algorithm": ALGORITHM,
            "key": fingerprint(public),
            "public_key": base64.b64encode(_raw(public)).decode(),
            "signature": base64.b64encode(key.sign(CONTEXT + manifest)).decode(),
        }
    )


def signer(manifest: bytes, signature: bytes) -> str:
    """The fingerprint of the key that signed a manifest. Raises BundleRefusal where it did not sign this one."""
    try:
        told = strict_json(signature)
        if set(told) != _KEYS or told["algorithm"] != ALGORITHM or canonical_json(told) != signature:
            raise ValueError("another form")
        raw, signed = (base64.b64decode(told[name], validate=True) for name in ("public_key", "signature"))
        if hashlib.sha256(raw).hexdigest() != told["key"]:
            raise ValueError("a key with another fingerprint")
        Ed25519PublicKey.from_public_bytes(raw).verify(signed, CONTEXT + manifest)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _refused(f"a signature that cannot be read ({str(error)[:60]})") from error
    except InvalidSignature as error:
        raise _refused("a manifest that this key did not sign") from error
    return str(told["key"])


def refuse_untrusted(signed_by: str | None, trusted: frozenset[str]) -> None:
    """Raises BundleRefusal where keys are trusted and none of them signed; with none given nothing is asked."""
    if trusted and signed_by not in trusted:
        raise BundleRefusal(
            "the bundle is signed by no key that is trusted here" if signed_by else "the bundle is not signed",
            expected=f"a signature by {', '.join(sorted(key[:16] + '…' for key in trusted))}",
            found=f"key {signed_by[:16]}…" if signed_by else "no signature.json",
            next_step="ask the maker for a signed bundle and, by another way, for the public key (--trusted KEY.pub)",
        )


def _refused(found: str) -> BundleRefusal:
    return BundleRefusal(
        "the bundle's signature does not hold",
        expected="an Ed25519 signature of its manifest.json",
        found=found,
        next_step=f"{AGAIN}; do not use this copy",
    )


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(_content(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "public", type(error).__name__) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "public", f"a key for {type(key).__name__}")
    return key


def _private_key(path: Path) -> Ed25519PrivateKey:
    content = _content(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigRefusal(
            f"others may read the private key {path}", expected="mode 0600", found=f"mode {mode:04o}",
            next_step=f"chmod 600 {path}; if others did read it, make a new one with `outcome bundle keygen`",
        )  # fmt: skip
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "private", type(error).__name__) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, "private", f"a key for {type(key).__name__}")
    return key


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read(LARGEST_KEY)
    except OSError as error:
        raise _no_key(path, "readable", str(error.strerror)) from error


def _no_key(path: Path, kind: str, found: str) -> ConfigRefusal:
    return ConfigRefusal(
        f"{path} is no {kind} key", expected="an Ed25519 key in PEM without a password", found=found,
        next_step="make a pair with `outcome bundle keygen KEY`",
    )  # fmt: skip
