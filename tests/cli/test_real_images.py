"""The glioma and sarcoma studies on the published cases: checked, run with given masks, and reported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from segmentation.radiomics.catalogue import CATALOGUE
from segmentation.radiomics.dictionary import tags_of
from segmentation.radiomics.settings import RadiomicsSettings
from tests.cli.conftest import Call, with_settings

pytestmark = pytest.mark.real
CONFIGS = Path(__file__).parents[2] / "configs"
GIVEN_MASKS = (
    "segmenter=null",
    "image_blocks=null",
    "training.families=[ridge]",
    "training.bootstraps=4",
    "training.inner_folds=2",
)
FOLDERS = {"lgg": "lgg_mri", "sts": "sts"}


def _run(name: str, real_data: Path, store: Path, call: Call) -> str:
    """The report's visible words after a short run on given masks."""
    settings = [f"root={real_data / FOLDERS[name]}", *GIVEN_MASKS]
    ran = call(*with_settings(["run", str(CONFIGS / f"{name}.yaml"), "--store", str(store), "--json"], settings))
    assert ran.code == 0, ran.err
    page = Path(ran.json["report"]).read_text(encoding="utf-8")
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


@pytest.mark.parametrize("name", FOLDERS)
def test_check_finds_no_reason_to_refuse(name: str, real_data: Path, call: Call) -> None:
    checked = call("check", CONFIGS / f"{name}.yaml", "--set", f"root={real_data / FOLDERS[name]}", "--json")
    assert checked.code == 0, checked.err
    assert "reject" not in {finding["level"] for finding in checked.json["findings"]}


def test_a_short_glioma_run_ends_with_a_report_without_sizes(real_data: Path, tmp_path: Path, call: Call) -> None:
    words = _run("lgg", real_data, tmp_path, call)
    assert "external validation (independent institution)" in words
    assert "events among cases: 15 of 29" in words
    assert "events among cases: 11 of 28" in words
    assert not re.search(r"\d\s?(mm|cm|ml)\b", words, flags=re.IGNORECASE)
    columns = {row["name"] for row in json.loads((tmp_path / "lgg" / "features" / "columns.json").read_text())}
    assert columns == {
        *(f"clinical:{name}" for name in ("age", "sex", "laterality", "tumor_location", "karnofsky")),
        *(f"radiomics:tumor.{feature.tag}" for feature in CATALOGUE if not feature.needs_spacing),
        *(f"radiomics:tumor.flair.{tag}" for tag in tags_of("histogram", RadiomicsSettings())),
    }


def test_a_short_sarcoma_run_says_first_that_ten_cases_prove_nothing(
    real_data: Path, tmp_path: Path, call: Call
) -> None:
    words = _run("sts", real_data, tmp_path, call)
    first = words.index("About these data. Ten cases prove nothing.")
    assert first < words.index("How well it ranks is withheld") < words.index("What was predicted.")
    assert "withheld: 3 events" in words
    assert "kidney" not in words.casefold()
