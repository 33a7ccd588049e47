"""What a classical method learned as bytes and back: safetensors with its settings in the header. Never unpickles."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from segmentation.classical import METHODS
from segmentation.classical.rule import Numbers
from segmentation.classical.settings import ClassicalSettings
from segmentation.errors import ImageRefusal

FORMAT = 1
KEY = "classical"
_HEADER_BYTES = 2**24


def pack(method: str, settings: ClassicalSettings, numbers: Numbers) -> bytes:
    """Method, settings and numbers as a safetensors file; equal ones give equal bytes."""
    about = {"format": FORMAT, "method": method, "settings": settings.to_json()}
    arrays = {name: np.ascontiguousarray(numbers[name]) for name in sorted(numbers)}
    return save(arrays, {KEY: json.dumps(about, sort_keys=True, separators=(",", ":"))})


def unpack(data: bytes) -> tuple[str, ClassicalSettings, Numbers]:
    """The inverse of `pack`. Raises ImageRefusal (`weights_damaged`, `bad_settings`)."""
    about = described(data, KEY)
    if about.get("format") != FORMAT or about.get("method") not in METHODS:
        raise damaged(f"format {about.get('format')}, method {about.get('method')}")
    settings = ClassicalSettings.from_json(about.get("settings", {}))
    return str(about["method"]), settings, arrays_of(data)


def arrays_of(data: bytes) -> Numbers:
    """The arrays of a safetensors file. Raises ImageRefusal (`weights_damaged`)."""
    try:
        return dict(load(data))
    except (SafetensorError, KeyError, ValueError) as error:
        raise damaged(type(error).__name__) from error


def kinds(data: bytes) -> dict[str, str]:
    """What stands beside the arrays of a safetensors file: texts by name. Raises ImageRefusal (`weights_damaged`)."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_HEADER_BYTES, len(data) - 8):
        raise damaged(f"{len(data)} bytes")
    try:
        return dict(json.loads(data[8 : 8 + length]).get("__metadata__", {}))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(type(error).__name__) from error


def described(data: bytes, key: str) -> dict[str, Any]:
    """The JSON under one name of the header. Raises ImageRefusal (`weights_damaged`)."""
    try:
        return dict(json.loads(kinds(data)[key]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, ImageRefusal):
            raise
        raise damaged(type(error).__name__) from error


def fingerprint(data: bytes) -> str:
    """The first 12 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()[:12]


def damaged(found: str) -> ImageRefusal:
    return ImageRefusal(
        "weights_damaged",
        "The file is not a whole segmenter.",
        expected="a safetensors file written by training",
        found=found,
        next_step="copy the file again, or train anew",
    )
