"""The synthetic study is frozen: whatever changes its bytes raises `SYNTHETIC_VERSION` and is written down here.

Images are hashed as arrays, not as files: the bytes of gzip depend on the zlib at hand. Everything that goes through a
transcendental function is computed in float64 and rounded, so that the last bit of a processor's library does not show.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from outcome.cohort.synthetic_risk import NO_IMAGE_SIGNAL, SYNTHETIC_VERSION
from outcome.pipeline.synth import write_synthetic_study
from outcome.store import read_json

PATIENTS, SEED = 3, 11
# The dictionary of version 2 later gained the marks of what a patient can change; nothing that was measured reads them.
FROZEN: dict[int, dict[str, dict[str, str]]] = {
    2: {
        "A": {
            "table.csv": "49785d270757",
            "dictionary.csv": "1bc7f023efe1",
            "truth.json": "da9e3e5a1ca8",
            "ct.nii.gz": "94bddc8ebb0c",
            "mask.nii.gz": "0a56ce1b96ff",
            "mr.nii.gz": "b1e74127a5d3",
        },
        "B": {
            "table.csv": "d8b3cd59092f",
            "dictionary.csv": "93c80325e411",
            "truth.json": "109421cd62ab",
            "ct.nii.gz": "978ab6882fdd",
            "mask.nii.gz": "3ffa7f5cb307",
            "mr.nii.gz": "ee0febb73576",
        },
        "C": {
            "table.csv": "da2060fd1afe",
            "dictionary.csv": "ff00b9e6854a",
            "truth.json": "6926fe5074c2",
            "ct.nii.gz": "4fdebb367f30",
            "mask.nii.gz": "c61b713b4136",
        },
    }
}


def fingerprint(folder: Path, site: str) -> dict[str, str]:
    """Twelve digits of the SHA-256 of every part of a study."""
    case = folder / "images" / f"{site}00002"
    found = {name: (folder / name).read_bytes() for name in ("table.csv", "dictionary.csv", "truth.json")}
    for path in sorted(case.glob("*.nii.gz")):
        image = nib.load(path)
        found[path.name] = np.asarray(image.dataobj).tobytes() + np.round(image.affine, 4).tobytes()
    return {name: hashlib.sha256(content).hexdigest()[:12] for name, content in found.items()}


@pytest.mark.parametrize("site", ["A", "B", "C"])
def test_nothing_changes_without_a_new_version(site: str, tmp_path: Path) -> None:
    write_synthetic_study(tmp_path / site, PATIENTS, SEED, site)
    assert SYNTHETIC_VERSION in FROZEN, "write the fingerprints of the new version down here"
    assert fingerprint(tmp_path / site, site) == FROZEN[SYNTHETIC_VERSION][site], (
        "the synthetic study changed: raise SYNTHETIC_VERSION, and repeat every number that was measured on it"
    )


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    write_synthetic_study(first, 2, 5, "B")
    write_synthetic_study(again, 2, 5, "B")
    write_synthetic_study(other, 2, 6, "B")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in files)
    assert (first / "table.csv").read_bytes() != (other / "table.csv").read_bytes()


def test_the_variant_changes_outcomes_and_truth_but_no_image(tmp_path: Path) -> None:
    write_synthetic_study(tmp_path / "full", 2, 5, "A")
    write_synthetic_study(tmp_path / "flat", 2, 5, "A", variant=NO_IMAGE_SIGNAL)
    image = Path("images", "A00001", "ct.nii.gz")
    assert (tmp_path / "full" / image).read_bytes() == (tmp_path / "flat" / image).read_bytes()
    full, flat = (read_json(tmp_path / name / "truth.json") for name in ("full", "flat"))
    assert flat["variant"] == NO_IMAGE_SIGNAL
    assert full["cases"]["A00001"]["eta"] != flat["cases"]["A00001"]["eta"]
    assert full["cases"]["A00001"]["coarseness"] == flat["cases"]["A00001"]["coarseness"]


def test_learned_masks_are_asked_for_at_the_developing_site_alone(tmp_path: Path) -> None:
    for site in ("A", "B"):
        write_synthetic_study(tmp_path / site, 1, 5, site, learned=True)
    assert "segmenter:" in (tmp_path / "A" / "study.yaml").read_text()
    assert "segmenter:" not in (tmp_path / "B" / "study.yaml").read_text()


def test_the_mr_is_a_real_missing_block(tmp_path: Path) -> None:
    write_synthetic_study(tmp_path / "A", 25, 5, "A")
    folders = sorted((tmp_path / "A" / "images").iterdir())
    assert all((folder / "ct.nii.gz").exists() and (folder / "mask.nii.gz").exists() for folder in folders)
    assert 8 <= sum((folder / "mr.nii.gz").exists() for folder in folders) <= 22
