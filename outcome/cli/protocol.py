"""The command that fixes what a validation will judge, before anybody opens the data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from outcome.bundle import read_bundle
from outcome.cli.options import AsJson, BundleFolder, Overrides, PartitionName, StudyFile, TrustedKeys
from outcome.cli.screen import Screen
from outcome.config import load_study
from outcome.errors import EXIT_OK
from outcome.pipeline.protocol import Protocol, planned, write_protocol
from outcome.pipeline.validate import apply_bundle
from outcome.serving.sound import admit

OutProtocol = Annotated[Path, typer.Option("--out", metavar="FILE", help="the file to write; it must not exist yet")]


def register(app: typer.Typer) -> None:
    """Add the command of this file to the program."""
    app.command("protocol")(protocol_command)


def protocol_command(
    bundle: BundleFolder, study: StudyFile, out: OutProtocol = Path("protocol.yaml"), partition: PartitionName = None,
    overrides: Overrides = None, trusted: TrustedKeys = None, json: AsJson = False,
) -> int:  # fmt: skip
    """Fix what a validation will judge, with a time and a hash; neither the table nor any outcome is read.

    Example: outcome protocol store/kits23/bundle hospital.yaml --out protocol.yaml
    """
    admit(bundle, trusted or ())
    applied = apply_bundle(bundle, load_study(study, overrides or ()), out.parent, partition)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    protocol = Protocol(now, planned(read_bundle(bundle), applied))
    write_protocol(out, protocol)
    document = {"status": "ok", "exit_code": EXIT_OK, "protocol": str(out), "sha256": protocol.sha256,
                "fixed_at": now, "plan": protocol.plan}  # fmt: skip
    Screen(as_json=json).result(document, lambda screen: _show(screen, document))
    return EXIT_OK


def _show(screen: Screen, document: Mapping[str, Any]) -> None:
    plan = document["plan"]
    screen.line(f"protocol fixed at {document['fixed_at']}: {document['protocol']}")
    screen.line(f"sha256 {document['sha256']}")
    screen.line(f"bundle {plan['bundle_id']}; {len(plan['endpoints'])} endpoint(s): {', '.join(plan['endpoints'])}")
    screen.line("keep the hash where its date can be shown (a registry, a letter), then validate with --protocol")
