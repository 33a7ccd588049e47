"""The commands about a bundle itself: what it holds, whether all of it can be used, and who signed it."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from outcome.bundle import VERSION, Bundle, sign_bundle
from outcome.bundle.libraries import FACT, recorded_libraries
from outcome.bundle.signature import make_keys, trusted_fingerprints
from outcome.cli.options import AsJson, BundleFolder, TrustedKeys
from outcome.cli.screen import Screen
from outcome.errors import EXIT_OK
from outcome.serving.sound import admit

KeyFile = Annotated[Path, typer.Argument(metavar="KEY", help="the private key's file to write", show_default=False)]
SigningKey = Annotated[Path, typer.Option("--key", metavar="FILE", help="the private key, readable by you alone")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the program."""
    bundle = typer.Typer(no_args_is_help=True, help="Look into a bundle, verify every byte of it, or sign it.")
    bundle.command("inspect")(bundle_inspect)
    bundle.command("verify")(bundle_verify)
    bundle.command("sign")(bundle_sign)
    bundle.command("keygen")(bundle_keygen)
    app.add_typer(bundle, name="bundle")


def bundle_inspect(bundle: BundleFolder, json: AsJson = False) -> int:
    """What a bundle holds, where it came from and who signed it (every byte is verified first).

    Example: outcome bundle inspect store/kits23/bundle
    """
    read = admit(bundle)
    document = {
        "status": "ok",
        "id": read.id,
        "format_version": read.version,
        "signed_by": read.signed_by,
        "other_libraries": _other_libraries(read),
        "facts": dict(read.facts),
        "files": {n: len(d) for n, d in read.files.items()},
    }
    Screen(as_json=json).result(document, lambda s: s.line(jsonlib.dumps(document, indent=1)))
    return EXIT_OK


def bundle_verify(bundle: BundleFolder, trusted: TrustedKeys = None, json: AsJson = False) -> int:
    """Check every byte of a bundle, and that all its parts can be used together; exit 3 where anything is amiss.

    Example: outcome bundle verify store/kits23/bundle --trusted maker.pub
    """
    read = admit(bundle, trusted or ())
    signed = {"signed_by": read.signed_by, "trusted": bool(trusted)}
    document = {"status": "ok", "id": read.id, "format_version": read.version, "files": len(read.files), **signed}
    Screen(as_json=json).result(document, lambda s: _show(s, read, bool(trusted)))
    return EXIT_OK


def bundle_sign(bundle: BundleFolder, key: SigningKey, json: AsJson = False) -> int:
    """Sign a bundle: whoever has the public key can then see that it is yours and unchanged.

    Example: outcome bundle sign store/kits23/bundle --key maker
    """
    admit(bundle)
    read = sign_bundle(bundle, key)
    document = {"status": "ok", "id": read.id, "signed_by": read.signed_by}
    Screen(as_json=json).result(document, lambda s: s.line(f"bundle {read.id}: signed by key {read.signed_by}"))
    return EXIT_OK


def bundle_keygen(key: KeyFile, json: AsJson = False) -> int:
    """Make a pair of Ed25519 keys: KEY stays with you (mode 0600), KEY.pub goes to whoever is to trust your bundles.

    Example: outcome bundle keygen maker
    """
    public = make_keys(key)
    (told,) = trusted_fingerprints([public])
    document = {"status": "ok", "private": str(key), "public": str(public), "key": told}
    Screen(as_json=json).result(document, lambda s: s.line(f"{public}: key {told}\nkeep {key} to yourself"))
    return EXIT_OK


def _other_libraries(read: Bundle) -> dict[str, Any]:
    """The libraries of which another version made the bundle: [there, here]."""
    here, told = recorded_libraries(), read.facts.get(FACT, {})
    return {name: [version, here[name]] for name, version in told.items() if here.get(name, version) != version}


def _show(screen: Screen, read: Bundle, trusted: bool) -> None:
    screen.line(f"bundle {read.id}: {len(read.files)} files as written")
    if read.version < VERSION:
        screen.line(f"format version {read.version}, before {VERSION}: without a checksum of its manifest")
    screen.line(f"signed by key {read.signed_by}" if read.signed_by else "not signed")
    if read.signed_by and not trusted:
        screen.line("whose key that is, this does not say: name the keys you trust with --trusted")
    for name, (there, here) in _other_libraries(read).items():
        screen.line(f"made with {name} {there}, read with {here}")
