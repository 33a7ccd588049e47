"""Tiny models on tiny phantoms: the table, killing and going on, a model that fails, what the page holds."""

from __future__ import annotations

import csv
import json
import os
import re
from html import unescape
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from segmentation.benchmark import cell, running
from segmentation.benchmark.ablation import BASE, SWITCHES, benchmark_of
from segmentation.benchmark.config import AblationConfig, BenchmarkConfig, read_config
from segmentation.cli import app
from segmentation.errors import ImageRefusal
from tests.segmenter_studies import write_cases

CONFIGS = Path(__file__).resolve().parents[3] / "configs" / "benchmarks"
SMALL = {"patch": [24, 24, 16], "channels": [8, 16], "batch": 1, "voxel": None}
COSTS = {"train_s", "train_cpu_s", "case_s", "case_cpu_s", "peak_mb"}
FILES = ("table", "ranking", "mean_ranks", "differences", "regions", "errors", "cases")


def _asked(**changed: object) -> dict[str, object]:
    return {
        "data": [
            {"name": "one", "path": "one", "split": {"last": 2}},
            {"name": "two", "path": "two", "split": {"folds": 2}},
        ],
        "models": [{"model": "unet_3d", "name": "unet", "plan": SMALL}, "place", {"model": "nobody", "name": "lost"}],
        "budget": {"steps": 27},
        "analysis": {"noise": [0.5], "noise_cases": 1},
        **changed,
    }


class _Killed(BaseException):
    """What no one catches."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("benchmark")
    write_cases(root / "one", range(0, 4))
    write_cases(root / "two", range(4, 8))
    return root


def _run(folder: Path, out: Path, asked: dict[str, object], command: str = "benchmark") -> int:
    config = folder / f"{out.name}.yaml"
    config.write_text(yaml.safe_dump(asked))
    words = [command, str(config), "--out", str(out), "--one-process", "--device", "cpu", "--json"]
    return CliRunner().invoke(app, words).exit_code


@pytest.fixture(scope="module")
def done(folder: Path) -> Path:
    assert _run(folder, folder / "done", _asked()) == 4, "a model that is not there is told by the exit code"
    return folder / "done"


def _rows(out: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((out / f"{name}.csv").read_text().splitlines()))


def test_every_model_stands_in_the_table_of_every_data_set(done: Path) -> None:
    rows = _rows(done, "table")
    assert sorted((row["data"], row["model"]) for row in rows) == [
        ("one", "place"), ("one", "unet"), ("two", "place"), ("two", "unet"),
    ]  # fmt: skip
    assert {(row["data"], row["cases"]) for row in rows} == {("one", "2"), ("two", "4")}
    for row in rows:
        assert float(row["dice_low"]) <= float(row["dice"]) <= float(row["dice_high"])
        assert all(row[cost] for cost in COSTS)
    assert {row["steps"] for row in rows if row["model"] == "unet"} == {"27"}
    best = {row["data"]: row["model"] for row in reversed(rows)}
    assert all(row["reference"] == best[row["data"]] != row["model"] for row in _rows(done, "differences"))


def test_the_table_is_the_mean_of_the_cases(done: Path) -> None:
    cases = [row for row in _rows(done, "cases") if row["data"] == "two" and row["metric"] == "jaccard"]
    for row in _rows(done, "table"):
        if row["data"] == "two":
            values = [float(one["value"]) for one in cases if one["model"] == row["model"]]
            assert float(row["jaccard"]) == pytest.approx(sum(values) / len(values), abs=1e-3)


def test_the_page_holds_every_number_and_needs_no_network(done: Path) -> None:
    page = (done / "benchmark.html").read_text()
    words = set(
        re.findall(r"[^\s<>]+", unescape(re.sub(r"<(?:style|svg).*?</(?:style|svg)>|<[^>]*>", " ", page, flags=re.S)))
    )
    for name in FILES[:-1]:
        rows = _rows(done, name)
        numbers = {value for row in rows for key, value in row.items() if re.fullmatch(r"-?[\d.]+(e-\d+)?", value)}
        assert rows
        assert not numbers - words, name
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert page.count("data:image/png;base64,") == 4 * 3
    assert "lost on one, seed 0" in page
    assert "unknown_model" in page


def test_a_killed_run_goes_on_to_the_same_bytes(folder: Path, done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, kept = folder / "killed", cell._note_cost
    calls = iter(range(1000))

    def kill(work: cell.CellWork, **found: float | None) -> None:
        kept(work, **found)
        if next(calls) == 0:
            raise _Killed  # just after the first checkpoint of the first training

    with monkeypatch.context() as patched:
        patched.setattr(cell, "_note_cost", kill)
        with pytest.raises(_Killed):
            _run(folder, out, _asked())
    first = out / "cells" / "one" / "unet" / "seed_0"
    assert (first / "training.state").exists()
    assert not (first / "result.json").exists()
    assert _run(folder, out, _asked()) == 4
    for name in FILES[1:]:
        assert (out / f"{name}.csv").read_bytes() == (done / f"{name}.csv").read_bytes(), name
    without_cost = [
        [{k: v for k, v in row.items() if k not in COSTS} for row in _rows(at, "table")] for at in (out, done)
    ]
    assert without_cost[0] == without_cost[1]
    for path in done.glob("cells/**/model.safetensors"):
        assert (out / path.relative_to(done)).read_bytes() == path.read_bytes()


def test_finished_cells_are_kept_until_their_data_change(folder: Path, done: Path) -> None:
    results = {path: path.stat().st_mtime_ns for path in done.glob("cells/**/result.json")}
    image = folder / "two" / "imagesTr" / "case_04.nii.gz"
    before = image.read_bytes()
    assert _run(folder, done, _asked()) == 4
    assert {path: path.stat().st_mtime_ns for path in results} == results
    image.write_bytes((folder / "two" / "imagesTr" / "case_05.nii.gz").read_bytes())
    try:
        assert _run(folder, done, _asked(models=["place"])) == 0
    finally:
        image.write_bytes(before)
    made = {path.parts[-4] for path in results if path.stat().st_mtime_ns != results[path] and "place" in path.parts}
    assert made == {"two"}
    assert _run(folder, done, _asked()) == 4


def test_a_model_that_breaks_is_named_and_the_table_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: cell.CellWork) -> None:
        if work.contestant.method == "otsu":
            raise RuntimeError("no luck")
        kept(work)

    kept = running.work_on
    monkeypatch.setattr(running, "work_on", broken)
    out = folder / "broken"
    assert _run(folder, out, _asked(models=["otsu", "place"], reference="otsu")) == 4
    assert {row["model"] for row in _rows(out, "table")} == {"place"}
    assert (out / "differences.csv").read_text() == "", "nothing to compare with"
    assert "RuntimeError: no luck" in (out / "benchmark.html").read_text()


def test_a_process_that_is_killed_costs_its_cell_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running._apart(_Fatal()).code == "process_died"  # type: ignore[arg-type, union-attr]


class _Fatal:
    """Ends the process that unpacks it, as a lack of memory would."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)


def test_a_cell_in_a_process_of_its_own_gives_the_same(folder: Path, done: Path) -> None:
    out = folder / "apart"
    data = [{"name": "one", "path": "one", "split": {"last": 2}}]
    config = folder / "apart.yaml"
    config.write_text(yaml.safe_dump(_asked(models=["place"], data=data)))
    result = CliRunner().invoke(app, ["benchmark", str(config), "--out", str(out), "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    place = Path("cells/one/place/seed_0/result.json")
    assert (out / place).read_bytes() == (done / place).read_bytes()
    assert json.loads(result.stdout)["failed"] == {}


def test_an_ablation_is_paired_with_its_base(folder: Path) -> None:
    same = {"name": "same", "plan": {"patience": 8}}
    asked = {
        "data": [{"name": "one", "path": "one", "split": {"last": 2}}],
        "base": {"model": "unet_3d", "plan": SMALL},
        "switches": ["without_skips", same],
        "budget": {"steps": 3},
        "analysis": {"noise": []},
    }
    out = folder / "ablation"
    assert _run(folder, out, asked, "ablate") == 0
    rows = [row for row in _rows(out, "differences") if row["region"] == "all regions"]
    assert {row["reference"] for row in rows} == {BASE}
    changed = {row["model"]: row["value"] for row in rows if row["metric"] == "jaccard"}
    assert changed["same"] == "0"
    assert changed["without skips"] != "0"
    parameters = {row["model"]: int(row["parameters"]) for row in _rows(out, "table")}
    assert parameters["without skips"] < parameters[BASE] == parameters["same"]


def test_every_switch_can_be_thrown(folder: Path) -> None:
    from segmentation.benchmark.loaded import loaded
    from segmentation.benchmark.planning_cells import Course
    from segmentation.cli.learning_data import surveyed
    from segmentation.datasets.layouts import read_dataset

    config = AblationConfig.model_validate(
        {
            "data": [{"name": "one", "path": "one", "split": {"last": 2}}],
            "base": {"model": "unet_3d", "plan": SMALL},
            "switches": [name for name in SWITCHES if name != "attention_2d"],
            "budget": {"steps": 1},
        }
    )
    course = Course(benchmark_of(config), folder, folder / "switches")
    data = [loaded(config.data[0], read_dataset(folder / "one"), surveyed(folder / "one")[0])]
    works = course.works(data)
    assert [work for work in works.values() if isinstance(work, running.Failure)] == []
    keys = [work.key for work in works.values() if isinstance(work, cell.CellWork)]
    assert len(set(keys)) == len(keys) == len(SWITCHES), "every switch changes the work"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_files_that_come_with_the_program_are_whole(path: Path) -> None:
    kind = AblationConfig if "base:" in path.read_text(encoding="utf-8") else BenchmarkConfig
    config = read_config(path, kind)
    asked = benchmark_of(config) if isinstance(config, AblationConfig) else config
    for model in asked.models:
        assert not model.model.endswith(".yaml") or (path.parent / model.model).is_file(), model.model


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budgett": {"steps": 1}}, "did you mean budget"),
        ({"budget": {"steps": 1, "minutes": 2}}, "steps or minutes"),
        ({"reference": "nobody"}, "none of the models"),
        ({"models": ["place", "place"]}, "one name"),
        ({"data": []}, "data"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(folder: Path, changed: dict[str, object], words: str) -> None:
    path = folder / "wrong.yaml"
    path.write_text(yaml.safe_dump(_asked(**changed)))
    with pytest.raises(ImageRefusal, match=words):
        read_config(path, BenchmarkConfig)
    assert CliRunner().invoke(app, ["benchmark", str(path), "--out", str(folder / "no")]).exit_code == 3


def test_data_that_are_not_there_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_ROOT", raising=False)
    data = [{"name": "one", "root": "NO_SUCH_ROOT", "path": "one", "split": {"last": 2}}]
    assert _run(folder, folder / "nowhere", _asked(data=data)) == 3


@pytest.fixture
def page(done: Path) -> str:
    return (done / "benchmark.html").as_uri()


@pytest.mark.browser
def test_the_page_opens_without_a_network(page: str) -> None:
    import shutil

    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        view = browser.new_page(viewport={"width": 900, "height": 800})
        said: list[str] = []
        view.on("console", lambda message: said.append(message.text))
        view.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        view.goto(page)
        assert said == []
        assert view.evaluate("document.documentElement.scrollWidth") <= 900, "wide tables scroll by themselves"
        assert view.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
        assert view.locator("svg circle").count() >= 4
        browser.close()
