"""What a bundle says of itself, for checklists, model card and hazard log."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from outcome.bundle import Bundle

_AS_JSON = ("columns", "reference", "ladder", "recipe", "updates")


def bundle_summary(bundle: Bundle) -> dict[str, Any]:
    """`ReportFacts.bundle`: id, manifest facts, the sha256 of every file, and its descriptions as JSON."""
    told = {name: json.loads(bundle.files[f"{name}.json"]) for name in _AS_JSON if f"{name}.json" in bundle.files}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(bundle.files.items())}
    return {"id": bundle.id, "facts": bundle.facts, "hashes": hashes, **told}
