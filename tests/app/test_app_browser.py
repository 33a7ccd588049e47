"""The dashboard as a surgeon meets it: started by its own command, walked through in a real Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from example_store import STUDY
from playwright.sync_api import TimeoutError as PageTimeout

from app.launch import command
from outcome.bundle import write_bundle
from outcome.features.columns import columns_from_json, columns_to_json
from outcome.report.wording import BANNER
from outcome.store import canonical_json
from outcome.training.settings import TrainingSettings
from outcome.training.unit import train_unit
from outcome.types import InputSet, Target

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
START_SECONDS, SHOWN_MS = 60, 60_000


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium")
    if not path:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    return path


@pytest.fixture
def address(store: Path, tmp_path: Path) -> Iterator[str]:
    """The dashboard over the store, running on a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "dashboard.log"
    with log.open("w") as out, subprocess.Popen(command(store, port), stdout=out, stderr=out, cwd=ROOT) as program:
        try:
            yield _answering(f"http://127.0.0.1:{port}", program, log)
        finally:
            program.terminate()


def _answering(address: str, program: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(START_SECONDS * 4):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return address
        except (urllib.error.URLError, OSError):
            if program.poll() is not None:
                break
            with_patience(program)
    pytest.fail(f"the dashboard did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def with_patience(program: subprocess.Popen[bytes]) -> None:
    """Wait a moment, or until the program ends."""
    try:
        program.wait(timeout=0.25)
    except subprocess.TimeoutExpired:
        return


@pytest.fixture
def page(chromium: str, address: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(SHOWN_MS)
        page.goto(address)
        yield page
        browser.close()


def test_a_surgeon_walks_from_the_worklist_to_a_patient_and_the_model(page: Any, tmp_path: Path) -> None:
    page.get_by_role("heading", name="Worklist", exact=True).wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    page.screenshot(path=tmp_path / "worklist.png")
    _open(page, "E003")
    _reads_a_risk_without_scrolling(page)
    _sees_three_planes(page)
    page.screenshot(path=tmp_path / "patient.png")
    _turn_to_model(page)
    assert page.get_by_text("simplest rung within one standard error").count() == 1
    page.screenshot(path=tmp_path / "model.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 10_000 for name in ("worklist", "patient", "model"))


def _turn_to_model(page: Any) -> None:
    """Click once the page stands still, and again where a busy machine lost the click, as any reader would."""
    for _ in range(5):
        page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
        page.get_by_text("Model", exact=True).click()
        with suppress(PageTimeout):
            page.get_by_alt_text("Calibration curve").wait_for(timeout=SHOWN_MS / 5)
            return
    raise AssertionError(f"the model page was never reached: {page.url}")


def _open(page: Any, case: str) -> None:
    chooser = page.get_by_role("combobox", name="Open a patient")
    chooser.click()
    chooser.fill(case)
    chooser.press("Enter")
    page.get_by_role("heading", name=f"Case {case}", exact=True).wait_for()
    assert f"case={case}" in page.url


def _reads_a_risk_without_scrolling(page: Any) -> None:
    warning = page.get_by_text("mask has 14 separate pieces")
    row = page.get_by_role("row", name="Any complication")
    banner = page.get_by_text(BANNER, exact=True)
    for shown in (banner, warning, row):
        shown.wait_for()
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 720
    assert "12 of 100 (8–17)" in row.inner_text().replace("\n", " ")
    assert "within 30 days" in row.inner_text()


def _sees_three_planes(page: Any) -> None:
    for name, sides in (("axial", "left R, right L"), ("coronal", "top S, bottom I"), ("sagittal", "left A, right P")):
        plane = page.get_by_alt_text(f"{name} plane")
        plane.wait_for()
        assert sides in plane.get_attribute("alt")
        assert plane.evaluate("image => image.naturalWidth") > 100
    assert page.get_by_text("This study has no CT images; outlines of the given mask only").count() == 1


@pytest.fixture
def frozen(store: Path) -> Path:
    """The store with a frozen model that reads its features: a plain one, fitted in a second."""
    folder = store / STUDY
    columns = columns_from_json(json.loads((folder / "features/columns.json").read_text())[:3])
    frame = pd.read_parquet(folder / "features/features.parquet").set_index("case_id").iloc[:60]
    target = Target.binary("any_complication", [float(age > 62) for age in frame["clinical:age"]])
    settings = TrainingSettings(outer_folds=2, inner_folds=2, bootstraps=2, min_events=5, families=("ridge",))
    unit = train_unit(frame, columns, target, list(frame.index), settings, inputs=InputSet.PREOPERATIVE, seed=1)
    unit = replace(unit, out_of_fold=unit.out_of_fold.iloc[:0])  # no patient travels
    files = {f"estimators/any_complication.preoperative/{name}": data for name, data in unit.files().items()}
    files["columns.json"] = canonical_json(columns_to_json(columns))
    files["recipe.json"] = canonical_json(None)
    files["reference.json"] = canonical_json({"n": 60, "features": {}})
    shutil.rmtree(folder / "bundle")
    write_bundle(folder / "bundle", files, {})
    return store


def test_a_surgeon_sees_what_moved_the_estimate_in_words_and_bars(frozen: Path, page: Any, address: str) -> None:
    page.goto(f"{address}/?case=E003")
    page.get_by_role("heading", name="What moved this estimate").wait_for()
    row = page.get_by_role("table", name="What moved this estimate").get_by_role("row", name=re.compile("^Age "))
    row.wait_for()
    words = row.inner_text()
    assert "years" in words
    assert "average" in words
    assert "raises" in words or "lowers" in words
    bar = row.get_by_role("img").locator("div")
    assert bar.evaluate("part => part.getBoundingClientRect().width") > 1
    assert page.get_by_text("A description of the model, not a cause").count() == 1
    assert page.get_by_text("Where the network looks").count() == 0, "no network, nothing to switch"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_record_cannot_run_a_script(page: Any, address: str) -> None:
    page.goto(f"{address}/?case=E001")
    page.get_by_role("heading", name="Case E001", exact=True).wait_for()
    page.get_by_text("<script>document.title", exact=False).first.wait_for()
    assert page.title() == "Surgical outcome risk"


def test_a_broken_study_shows_no_traceback(page: Any, address: str, store: Path) -> None:
    next(store.glob("*/cohort/cases.parquet")).write_bytes(b"broken")
    page.goto(f"{address}/?case=E003")
    page.get_by_text("cannot be read").wait_for()
    assert page.get_by_text("Traceback").count() == 0
    assert page.get_by_text(str(store)).count() == 0


def test_the_report_stands_alone_in_a_browser(chromium: str, tmp_path: Path) -> None:
    import example_metrics
    from playwright.sync_api import sync_playwright

    from outcome.report.validation_report import render_report

    path = tmp_path / "report.html"
    facts = {"ladder": example_metrics.ladder()}
    html = render_report(
        example_metrics.metrics(),
        flow=example_metrics.flow(),
        findings=example_metrics.findings(),
        model_facts=facts,
        study={},
    )
    path.write_text(html, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#verdict"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.screenshot(path=tmp_path / "report.png")
        browser.close()
    assert asked == [path.as_uri()]
    assert said == []
