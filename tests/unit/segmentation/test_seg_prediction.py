"""`segmentation predict` and `stream` on folders: cases, resuming, watching, bad input, and what is told of frames."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import Result
from safetensors.torch import load, save
from typer.testing import CliRunner

from segmentation.assessment.expected_volumes import VolumeRange
from segmentation.cli import app
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import image_cases
from segmentation.images.reading import read_image
from segmentation.images.writing import write_image
from segmentation.learning.training import first_network
from segmentation.learning.training_facts import TrainingFacts, check_spacing, facts_of, facts_of_grids
from segmentation.outlining.frames import latency_ms
from segmentation.outlining.inference import Segmenter
from segmentation.outlining.watching import watch
from segmentation.outlining.weights import trained_on
from segmentation.types import Grid, Volume
from tests.segmenter_studies import BLOCKS, SLICES, patient, write_cases

FACTS = TrainingFacts((1.0, 1.0, 1.0), (12.0, 12.0, 12.0), 4)
PAIR = replace(BLOCKS, inputs=("flair", "t1"))
FLAT = replace(SLICES, neighbours=0)


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    plans = {"one": BLOCKS, "two": replace(BLOCKS, seed=9), "pair": PAIR, "slices": SLICES, "flat": FLAT}
    for name, plan in plans.items():
        made = Segmenter(plan, first_network(plan), trained_on=FACTS)
        (folder / f"{name}.safetensors").write_bytes(made.to_bytes())
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number in range(2):
        (tmp_path / "in").mkdir(exist_ok=True)
        write_image(patient(number)[0], tmp_path / "in" / f"case_{number}.nii.gz")
    return tmp_path / "in"


def _names(folder: Path, *inputs: str) -> dict[str, list[str]]:
    return {case.name: [path.name for path in case.files] for case in image_cases(folder, inputs)}


def test_files_become_cases(tmp_path: Path) -> None:
    for name in (
        "a_0001.nii.gz",
        "a_0000.nii.gz",
        "b.nii",
        "c_0000.nii.gz",
        "._a_0000.nii.gz",
        "notes.txt",
        "d_12.png",
    ):
        (tmp_path / name).write_bytes(b"x")
    assert _names(tmp_path, "x", "y") == {
        "a": ["a_0000.nii.gz", "a_0001.nii.gz"], "b": ["b.nii"], "c": ["c_0000.nii.gz"], "d_12": ["d_12.png"],
    }  # fmt: skip
    missing = {case.name: case.missing for case in image_cases(tmp_path, ("x", "y"))}
    assert missing == {"a": (), "b": (), "c": ("y",), "d_12": ()}
    assert _names(tmp_path, "x") == {
        "a_0000": ["a_0000.nii.gz"], "a_0001": ["a_0001.nii.gz"], "b": ["b.nii"], "c": ["c_0000.nii.gz"],
        "d_12": ["d_12.png"],
    }  # fmt: skip


def test_channels_come_from_files_or_from_one_with_four_axes(models: Path, tmp_path: Path) -> None:
    volume, _ = patient(0)
    first, second = np.asarray(volume.array, np.float32), np.asarray(patient(1)[0].array, np.float32)
    (tmp_path / "in").mkdir()
    write_image(Volume(first, volume.affine), tmp_path / "in" / "a_0000.nii.gz")
    write_image(Volume(second, volume.affine), tmp_path / "in" / "a_0001.nii.gz")
    nib.save(nib.Nifti1Image(np.stack([first, second], axis=-1), volume.affine), tmp_path / "in" / "b.nii.gz")
    write_image(Volume(first, volume.affine), tmp_path / "in" / "c_0000.nii.gz")
    done = _run(
        "predict", models / "pair.safetensors", "--input", tmp_path / "in", "--output", tmp_path / "o", "--json"
    )
    assert done.exit_code == 4, done.output
    assert json.loads(done.stdout)["failed"] == {"c": "missing_sequence"}
    assert "none for t1" in done.stderr
    assert (tmp_path / "o" / "a.nii.gz").read_bytes() == (tmp_path / "o" / "b.nii.gz").read_bytes()


def test_what_is_done_is_skipped_until_something_changes(models: Path, images: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out", models / "one.safetensors"

    def skipped(*more: object) -> int:
        done = _run("predict", more[0] if more else model, "--input", images, "--output", out, "--json", *more[1:])
        assert done.exit_code == 0, done.output
        return int(json.loads(done.stdout)["skipped"])

    assert skipped() == 0
    kept = (out / "case_0.nii.gz").read_bytes()
    assert skipped() == 2
    (out / "case_1.nii.gz").unlink()
    assert skipped() == 1
    write_image(patient(5)[0], images / "case_0.nii.gz")
    assert skipped() == 1
    assert (out / "case_0.nii.gz").read_bytes() != kept
    assert skipped(models / "two.safetensors") == 0
    assert skipped(models / "two.safetensors", "--again") == 0
    (out / ".done" / "case_0.json").write_text("{torn")
    assert skipped(models / "two.safetensors", "--workers", 2) == 1
    assert not list(out.rglob("*.tmp"))


def test_several_models_write_what_was_asked_for(models: Path, images: Path, tmp_path: Path) -> None:
    both = (models / "one.safetensors", models / "two.safetensors")
    done = _run(
        "predict", *both, "--input", images, "--output", tmp_path / "o", "--uncertainty", "--masks", 2, "--json"
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["segmenter"].startswith("ensemble:")
    assert set(found["agreement"]) == {"case_0", "case_1"}
    names = sorted(str(path.relative_to(tmp_path / "o")) for path in (tmp_path / "o").rglob("*.nii.gz"))
    assert names == sorted(
        f"{folder}case_{n}{end}.nii.gz"
        for n in range(2)
        for folder, end in (("", ""), ("entropy/", ""), ("variance/", ""), ("several/", "_1"), ("several/", "_2"))
    )
    entropy = read_image(tmp_path / "o" / "entropy" / "case_0.nii.gz").array
    assert 0 <= entropy.min() < entropy.max() <= 1


def test_a_coarse_network_may_stand_before_a_fine_one(models: Path, images: Path, tmp_path: Path) -> None:
    words = ("--input", images, "--output", tmp_path / "o", "--coarse", models / "two.safetensors", "--json")
    done = _run("predict", models / "one.safetensors", *words)
    assert done.exit_code == 0, done.output
    assert "+" in json.loads(done.stdout)["segmenter"]
    refused = _run("predict", models / "one.safetensors", *words, "--masks", 3)
    assert refused.exit_code == 3
    assert refused.stderr.startswith("one_fine_network")


def _absurd(folder: Path) -> None:
    volume, _ = patient(0)
    write_image(Volume(volume.array, volume.affine @ np.diag([30, 30, 30, 1.0])), folder / "x.nii.gz")


def _slice(folder: Path) -> None:
    volume, _ = patient(0)
    write_image(Volume(volume.array[:, :, :1], volume.affine), folder / "x.nii.gz")


def _two_channels(folder: Path) -> None:
    volume, _ = patient(0)
    array = np.stack([volume.array, volume.array], axis=-1)
    nib.save(nib.Nifti1Image(array, volume.affine), folder / "x.nii.gz")


def _half_a_pair(folder: Path) -> None:
    write_image(patient(0)[0], folder / "x_0001.nii.gz")


@pytest.mark.parametrize(
    ("model", "write", "code", "remedy"),
    [
        ("one", _absurd, "spacing_off", "unit of the spacing"),
        ("one", _slice, "not_3d", "2-D network"),
        ("one", _two_channels, "wrong_channels", "every sequence"),
        ("pair", _half_a_pair, "missing_sequence", "_0000"),
    ],
)
def test_images_that_do_not_fit_are_refused_with_a_remedy(
    models: Path, tmp_path: Path, model: str, write: Callable[[Path], None], code: str, remedy: str
) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in")
    done = _run("predict", models / f"{model}.safetensors", "--input", tmp_path / "in", "--output", tmp_path / "o")
    assert done.exit_code == 3, done.output
    assert f"{code}: " in done.stderr
    assert remedy in done.stderr.split("next step")[1]
    assert not list(tmp_path.glob("o/*"))


def test_an_image_larger_than_memory_is_refused(models: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation.device.available_bytes", lambda: 10**7)
    done = _run("predict", models / "one.safetensors", "--input", images, "--output", images.parent / "o")
    assert done.exit_code == 3
    assert "too_large: " in done.stderr
    assert "unet_2d" in done.stderr


def test_a_model_of_another_architecture_is_refused(models: Path, images: Path) -> None:
    tensors = load((models / "one.safetensors").read_bytes())
    about = {"format": 2, "plan": replace(BLOCKS, channels=(8, 24)).to_json()}
    (images.parent / "m").write_bytes(save(tensors, {"segmenter": json.dumps(about)}))
    done = _run("predict", images.parent / "m", "--input", images, "--output", images.parent / "o")
    assert done.exit_code == 3
    assert done.stderr.startswith("weights_mismatch: ")


def test_spacing_is_compared_with_what_was_learned_from() -> None:
    facts = facts_of_grids([Grid((9, 9, 9), np.diag([s, 1.0, 3.0, 1.0])) for s in (0.5, -1.0)])
    assert (facts.least_mm, facts.largest_mm, facts.cases) == ((0.5, 1.0, 3.0), (1.0, 1.0, 3.0), 2)
    for spacing, found in (((0.7, 1, 3), []), ((1.9, 1, 3), []), ((0.2, 1, 3), ["unusual_spacing"])):
        grid = Grid((9, 9, 9), np.diag([*spacing, 1.0]))
        assert [finding.code for finding in check_spacing(facts, grid)] == found
        assert check_spacing(None, grid) == []
    for wrong in ((0.5, 1, 90.0), (0.04, 1, 3)):
        with pytest.raises(ImageRefusal) as refused:
            check_spacing(facts, Grid((9, 9, 9), np.diag([*wrong, 1.0])))
        assert refused.value.code == "spacing_off"


def test_facts_travel_with_the_weights_and_older_files_keep_their_name(models: Path) -> None:
    data = (models / "one.safetensors").read_bytes()
    assert trained_on(data) == Segmenter.from_bytes(data).trained_on == FACTS
    old = save(load(data), {"segmenter": json.dumps({"format": 1, "plan": BLOCKS.to_json()})})
    segmenter = Segmenter.from_bytes(old)
    assert segmenter.trained_on is None
    assert segmenter.to_bytes() == old
    for torn in ({"least_mm": [1, 2]}, 7):
        about = {"format": 2, "plan": BLOCKS.to_json(), "trained_on": torn}
        with pytest.raises(ImageRefusal) as refused:
            Segmenter.from_bytes(save(load(data), {"segmenter": json.dumps(about)}))
        assert refused.value.code == "weights_damaged"


def test_a_watched_case_is_handed_on_once_its_files_stand_still(tmp_path: Path) -> None:
    stop, handed, looks = threading.Event(), [], iter(range(100))
    growing, pair = tmp_path / "a_0000.nii", tmp_path / "b_0000.nii"

    def look() -> list:
        turn = next(looks)
        if turn < 3:
            growing.write_bytes(b"x" * turn)
            (tmp_path / "a_0001.nii").write_bytes(b"y")
        if turn == 0:
            pair.write_bytes(b"x")
        if turn == 6:
            growing.write_bytes(b"changed")
        if turn == 9:
            stop.set()
        handed.append(turn)
        return image_cases(tmp_path, ("x", "y"))

    watch(look, lambda cases: handed.extend(case.name for case in cases), stop, 0.0)
    assert handed == [0, 1, 2, 3, "a", 4, 5, 6, 7, "a", 8, 9]


def test_a_watch_outlines_what_comes_and_ends_on_a_signal(models: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    (images / "bad.nii.gz").write_bytes(b"no image at all")

    def visit() -> None:
        wait_for = [out / "case_0.nii.gz", out / "case_1.nii.gz", out / "late.nii.gz"]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not all(path.exists() for path in wait_for):
            if wait_for[1].exists() and not (images / "late.nii.gz").exists():
                write_image(patient(3)[0], images / "late.nii.gz")
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    visitor = threading.Thread(target=visit)
    visitor.start()
    words = ("--input", images, "--output", out, "--watch", "--interval", 0.1, "--json")
    done = _run("predict", models / "one.safetensors", *words)
    visitor.join()
    assert done.exit_code == 4, done.output
    found = json.loads(done.stdout)
    assert found["cases"] == 3
    assert list(found["failed"]) == ["bad"]
    assert (out / "late.nii.gz").exists()


def test_frames_are_outlined_in_order_and_timed(models: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        array = rng.integers(0, 200, size=(40, 30, 1)).astype(np.int16)
        write_image(Volume(array, np.diag([2.0, 2, 2, 1])), tmp_path / "in" / f"f{number}.nii.gz")
    (tmp_path / "in" / "f2.nii.gz").write_bytes(b"torn")
    words = ("--output", tmp_path / "o", "--json")
    done = _run("stream", models / "flat.safetensors", "--input", tmp_path / "in", *words)
    assert done.exit_code == 4, done.output
    found = json.loads(done.stdout)
    assert (found["warm_up_frames"], found["frames"], list(found["failed"])) == (3, 2, ["f2"])
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"] == found["slowest_ms"]
    assert len(list((tmp_path / "o").glob("*.nii.gz"))) == 5
    names = f"{tmp_path / 'in' / 'f4.nii.gz'}\n\n{tmp_path / 'in' / 'f0.nii.gz'}\n"
    piped = CliRunner().invoke(
        app, ["stream", str(models / "flat.safetensors"), "--input", "-", "--output", str(tmp_path / "p")], input=names
    )
    assert piped.exit_code == 0, piped.output
    for name in ("f0", "f4"):
        ours, theirs = (tmp_path / folder / f"{name}.nii.gz" for folder in ("p", "o"))
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("model", ["one", "slices"])
def test_networks_that_need_more_than_a_frame_are_refused(models: Path, images: Path, model: str) -> None:
    done = _run("stream", models / f"{model}.safetensors", "--input", images, "--output", images.parent / "o")
    assert done.exit_code == 3
    assert done.stderr.startswith("not_for_frames: ")


def test_latency_counts_whole_frames_after_the_warm_up() -> None:
    found = latency_ms([9.0, 9.0, 9.0, *(n / 1000 for n in range(1, 101))])
    assert [found[key] for key in ("frames", "p50_ms", "p95_ms", "p99_ms", "slowest_ms")] == [100, 50, 95, 99, 100]
    assert latency_ms([1.0])["p95_ms"] is None


def test_a_region_of_another_size_than_in_training_is_told(images: Path, tmp_path: Path) -> None:
    """The untrained network draws a kidney of some size; facts that expect a ten-thousandth of it must object."""
    for low, told in ((1e-6, True), (1e-6, False)):
        high = 1e-3 if told else 1e6
        volumes = {name: VolumeRange(low, high, 6) for name in BLOCKS.regions}
        made = Segmenter(BLOCKS, first_network(BLOCKS), trained_on=replace(FACTS, volumes=volumes))
        model = tmp_path / f"{told}.safetensors"
        model.write_bytes(made.to_bytes())
        assert trained_on(model.read_bytes()) == replace(FACTS, volumes=volumes)
        done = _run("predict", model, "--input", images, "--output", tmp_path / str(told), "--json")
        found = json.loads(done.stdout)["findings"]
        codes = {finding["code"] for findings in found.values() for finding in findings}
        assert ("implausible_volume" in codes) is told


def test_the_facts_of_a_training_hold_its_regions_volumes(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, range(6))
    facts = facts_of(cases, BLOCKS.regions)
    masks = [patient(number)[1] for number in range(6)]
    ml = [float((mask.labels == BLOCKS.regions["tumor"]).sum() * mask.grid.voxel_ml) for mask in masks]
    assert facts.volumes["tumor"].low_ml == pytest.approx(min(ml) / 2)
    assert facts.volumes["tumor"].high_ml == pytest.approx(max(ml) * 2)
    assert TrainingFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert not facts_of(cases[:4], BLOCKS.regions).volumes
