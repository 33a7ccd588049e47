"""The notebooks run on a store, their two forms agree, and they say what they cannot show."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

import outcome
from outcome.config import load_study
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.store import STAGES
from tests.cli.conftest import FAST, Call
from tests.small_studies import keep_endpoints

ROOT = Path(outcome.__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
THEMES = ("Demographics", "Clinical conditions", "Hospitals", "Missing modalities", "What this cannot show")


def executed(name: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run a notebook on a store; the outputs of all its cells. The first error ends it."""
    monkeypatch.setenv("OUTCOME_STORE", str(store))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    notebook.metadata.kernelspec["name"] = "python3"
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    client.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def texts(outputs: list[Any]) -> str:
    kinds = ("text/plain", "text/markdown", "text/html")
    return "\n".join(str(output.get("data", {}).get(kind, output.get("text", ""))) for output in outputs
                     for kind in kinds)  # fmt: skip


def figures(outputs: list[Any]) -> list[str]:
    return [output["data"]["image/svg+xml"] for output in outputs if "image/svg+xml" in output.get("data", {})]


def test_both_forms_of_every_notebook_agree() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["subgroup_analysis_demo", "subgroup_analysis_kits23"]
    for path in NOTEBOOKS:
        paired, script = nbformat.read(path, as_version=4), jupytext.read(path.with_suffix(".py"))
        assert [(c.cell_type, c.source) for c in paired.cells] == [(c.cell_type, c.source) for c in script.cells]
        assert all(not cell.get("outputs") for cell in paired.cells), "numbers belong to whoever runs it"
        prose = "\n".join(cell.source for cell in paired.cells if cell.cell_type == "markdown")
        assert [theme for theme in THEMES if f"## {theme}" not in prose] == []
        assert "Research use only" in prose


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_demo_notebook_runs_on_a_small_store(
    made: Path, studies: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = studies / "store"
    shutil.copytree(made / "store", store)
    assert call("validate", store / "site_a" / "bundle", studies / "B" / "study.yaml", "--out", store).code == 0
    outputs = executed("subgroup_analysis_demo.ipynb", store, monkeypatch)
    words = texts(outputs)
    assert len(figures(outputs)) >= 2
    for word in ("Age", "Sex", "Diabetes", "genomics", "external validation", "out-of-fold", "95 % interval"):
        assert word in words


def test_a_notebook_without_a_store_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))
    monkeypatch.delenv("OUTCOME_STORE", raising=False)
    sys.modules.pop("store_cases", None)
    import store_cases

    with pytest.raises(SystemExit, match="OUTCOME_STORE"):
        store_cases.studies()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_kits23_notebook_runs(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a store made by a short run: three endpoints, one family of models, two folds, no report."""
    study = load_study(_kits23(tmp_path, "any_complication", "major_complication", "stay_over_3"), FAST)
    with open_run(study, tmp_path, command="test") as run:
        run_stages(run, [STAGE_RUNNERS[stage] for stage in STAGES if stage != "report"])
    outputs = executed("subgroup_analysis_kits23.ipynb", tmp_path, monkeypatch)
    words = texts(outputs)
    assert figures(outputs)
    for word in ("Age", "Gender", "Chronic kidney disease", "later batch", "withheld"):
        assert word in words


def _kits23(folder: Path, *endpoints: str) -> Path:
    """The study file with these endpoints alone, without the scores that name others, and without masks to measure."""
    text = (ROOT / "configs" / "kits23.yaml").read_text(encoding="utf-8").partition("\nscores:")[0]
    text = text.partition("\nimages:")[0] + "\ninclusion:" + text.partition("\ninclusion:")[2]
    path = folder / "kits23.yaml"
    path.write_text(text.replace("../data_dictionary", str(ROOT / "data_dictionary")), encoding="utf-8")
    return keep_endpoints(path, *endpoints)
