"""Who signed a bundle: what holds, what does not, and who is believed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from outcome.bundle import MANIFEST, SIGNATURE, copy_bundle, read_bundle, sign_bundle
from outcome.bundle.signature import make_keys
from outcome.cli.main import run
from outcome.errors import EXIT_OK, EXIT_REFUSED, BundleRefusal, ConfigRefusal
from tests.bundle_attacks.sealing import manifest_of, put
from tests.tiny_bundle import tiny_files

SMALL = {"ladder.json": b"{}", "MODEL_CARD.md": b"# card\n"}


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A small bundle signed by `maker`."""
    make_keys(tmp_path / "maker")
    folder = put(tmp_path / "bundle", SMALL, manifest_of(SMALL))
    sign_bundle(folder, tmp_path / "maker")
    return folder


def test_a_key_is_readable_by_its_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    assert run(["bundle", "keygen", str(tmp_path / "maker")]) == EXIT_OK
    assert stat.S_IMODE((tmp_path / "maker").stat().st_mode) == 0o600
    before = (tmp_path / "maker").read_bytes()
    assert run(["bundle", "keygen", str(tmp_path / "maker")]) == EXIT_REFUSED
    assert (tmp_path / "maker").read_bytes() == before


def test_the_commands_sign_and_tell_who_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = tiny_files()
    folder = str(put(tmp_path / "bundle", files, manifest_of(files)))
    maker, other = str(tmp_path / "maker"), str(tmp_path / "other")
    for key in (maker, other):
        run(["bundle", "keygen", key])
    assert run(["bundle", "verify", folder, "--trusted", f"{maker}.pub"]) == EXIT_REFUSED
    assert "is not signed" in capsys.readouterr().err
    assert run(["bundle", "inspect", folder, "--json"]) == EXIT_OK
    assert json.loads(capsys.readouterr().out)["signed_by"] is None
    assert run(["bundle", "sign", folder, "--key", maker]) == EXIT_OK
    assert run(["bundle", "verify", folder, "--trusted", f"{other}.pub", "--trusted", f"{maker}.pub"]) == EXIT_OK
    capsys.readouterr()
    assert run(["bundle", "inspect", folder, "--json"]) == EXIT_OK
    assert len(json.loads(capsys.readouterr().out)["signed_by"]) == 64
    trusted = ["--trusted", f"{other}.pub"]
    for words in (
        ["bundle", "verify", folder],
        ["predict", folder, "none.yaml", "--out", str(tmp_path / "out")],
        ["validate", folder, "none.yaml", "--out", str(tmp_path / "out")],
        ["monitor", folder, "none.yaml", "--out", str(tmp_path / "out")],
        ["protocol", folder, "none.yaml"],
        ["recalibrate", folder, "none.yaml", "--out", str(tmp_path / "out")],
        ["export", folder, "none.yaml", "--predictions", str(tmp_path), "--out", str(tmp_path / "out")],
    ):
        assert run([*words, *trusted]) == EXIT_REFUSED
        assert "signed by no key that is trusted here" in capsys.readouterr().err, words
    assert not (tmp_path / "out").exists()


def test_the_dashboard_opens_no_store_with_an_untrusted_bundle(
    signed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_keys(tmp_path / "other")
    copy_bundle(read_bundle(signed), tmp_path / "store" / "study" / "bundle")
    words = ["dashboard", "--store", str(tmp_path / "store"), "--trusted", str(tmp_path / "other.pub")]
    assert run(words) == EXIT_REFUSED
    assert "signed by no key that is trusted here" in capsys.readouterr().err


def test_a_signature_goes_with_a_copy_and_not_with_another_bundle(signed: Path, tmp_path: Path) -> None:
    copy_bundle(read_bundle(signed), tmp_path / "copy")
    assert read_bundle(tmp_path / "copy").signed_by == read_bundle(signed).signed_by
    other = put(tmp_path / "other", {**SMALL, "MODEL_CARD.md": b"# another\n"}, manifest_of(SMALL))
    (other / MANIFEST).write_bytes(manifest_of({**SMALL, "MODEL_CARD.md": b"# another\n"}))
    (other / SIGNATURE).write_bytes((signed / SIGNATURE).read_bytes())
    with pytest.raises(BundleRefusal, match="signature does not hold"):
        read_bundle(other)


def test_somebody_elses_key_under_the_makers_name_is_refused(signed: Path, tmp_path: Path) -> None:
    """The fingerprint of a trusted key with another's signature: the key itself must have that fingerprint."""
    honest = json.loads((signed / SIGNATURE).read_bytes())
    make_keys(tmp_path / "forger")
    sign_bundle(signed, tmp_path / "forger")
    forged = json.loads((signed / SIGNATURE).read_bytes())
    text = json.dumps({**forged, "key": honest["key"]}, sort_keys=True, indent=1) + "\n"
    (signed / SIGNATURE).write_text(text)
    with pytest.raises(BundleRefusal, match="another fingerprint"):
        read_bundle(signed)


@pytest.mark.parametrize("change", [{"algorithm": "none"}, {"signature": ""}, {"public_key": "AAAA"}, {"more": 1}])
def test_a_signature_of_another_form_is_refused(signed: Path, change: dict[str, object]) -> None:
    told = {**json.loads((signed / SIGNATURE).read_bytes()), **change}
    (signed / SIGNATURE).write_text(json.dumps(told, sort_keys=True, indent=1) + "\n")
    with pytest.raises(BundleRefusal, match="signature does not hold"):
        read_bundle(signed)


def test_keys_that_are_none_are_refused(signed: Path, tmp_path: Path) -> None:
    private, public = tmp_path / "maker", tmp_path / "maker.pub"
    elliptic = generate_private_key(SECP256R1())
    other = tmp_path / "elliptic"
    other.touch(0o600)
    other.write_bytes(elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path in (other, public, tmp_path / "absent"):
        path.chmod(0o600) if path.exists() else None
        with pytest.raises(ConfigRefusal, match="key"):
            sign_bundle(signed, path)
    private.chmod(0o644)
    with pytest.raises(ConfigRefusal, match="others may read"):
        sign_bundle(signed, private)
    (tmp_path / "elliptic.pub").write_bytes(
        elliptic.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for path in ("elliptic.pub", "maker", "absent.pub"):
        assert run(["bundle", "verify", str(signed), "--trusted", str(tmp_path / path)]) == EXIT_REFUSED
