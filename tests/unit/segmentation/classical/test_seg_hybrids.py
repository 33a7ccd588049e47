"""Refinements after a model, hybrids as files, and the commands that serve methods and hybrids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from typer.testing import CliRunner

from segmentation.classical.features import Sample, features_of
from segmentation.classical.forest import arrays_of_forest, shares
from segmentation.classical.refined import Refined, read_steps, refine
from segmentation.classical.refinements import REFINEMENTS, Step
from segmentation.classical.scene import Scene
from segmentation.classical.segmenter import fit_method
from segmentation.classical.settings import ClassicalSettings
from segmentation.classical.support_vectors import decisions, machine_of
from segmentation.cli import app
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_image, read_mask
from segmentation.learning.training import first_network
from segmentation.models import load_model
from segmentation.outlining.inference import Segmenter
from segmentation.types import Mask, Volume
from tests.segmenter_studies import BLOCKS, patient
from tests.unit.segmentation.classical.test_seg_classical_methods import REGIONS, scene, write_scenes

CONFIGS = sorted((Path(__file__).parents[4] / "configs" / "segmentation").glob("hybrid_*.yaml"))


def _drawn(classes: int) -> Sample:
    rng = np.random.default_rng(classes)
    rows = rng.normal(size=(400, 6)).astype(np.float32)
    truth = np.digitize(rows[:, 0] + rows[:, 1] ** 2, [0.5, 1.5][: classes - 1]).astype(np.uint8)
    return Sample(rows, truth, np.ones(400))


@pytest.mark.parametrize("classes", [2, 3])
def test_our_walk_through_the_trees_is_scikit_learns(classes: int) -> None:
    sample = _drawn(classes)
    model = RandomForestClassifier(7, max_depth=6, random_state=0).fit(sample.features, sample.classes)
    unseen = np.random.default_rng(9).normal(size=(500, 6)).astype(np.float32)
    np.testing.assert_allclose(shares(unseen, arrays_of_forest(model)), model.predict_proba(unseen), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_our_machine_decides_as_scikit_learns_pipeline(classes: int) -> None:
    sample = _drawn(classes)
    options = {"landmarks": 50, "most": 400}
    machine = machine_of(sample, ClassicalSettings({"a": 1}, seed=4, options=options))
    parts = (Nystroem(gamma=1 / 12, n_components=50, random_state=4), LinearSVC(dual=False, random_state=4))
    peer = make_pipeline(StandardScaler(), *parts).fit(sample.features, sample.classes)
    theirs = peer.decision_function(sample.features).reshape(400, -1)
    np.testing.assert_allclose(decisions(sample.features, machine), theirs, atol=5e-3)


@pytest.mark.parametrize("shape", [(9, 8, 7), (9, 8, 1)])
def test_every_voxel_has_a_row_of_finite_features(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    table = features_of(Scene(image, (1.0, 1.0, 3.0)), (1.0, 2.0), position=True)
    curvatures = 3 if shape[2] > 1 else 2
    assert table.shape == (np.prod(shape), 2 * (1 + 2 * (3 + curvatures)) + 3)
    assert np.isfinite(table).all()
    np.testing.assert_array_equal(table[:, 0], image[0].ravel())


@pytest.mark.parametrize("name", REFINEMENTS)
def test_a_refinement_leaves_its_input_far_voxels_and_empty_masks_alone(name: str) -> None:
    image, mask = scene(3)
    before = mask.labels.copy()
    after = refine(mask, image, [Step(name)])
    np.testing.assert_array_equal(mask.labels, before)
    assert set(np.unique(after.labels)) <= {0, 2, 7}
    reach = np.zeros(before.shape, dtype=bool)
    i, j, k = np.nonzero(before)
    reach[i.min() - 2 : i.max() + 3, j.min() - 2 : j.max() + 3, max(0, k.min() - 2) : k.max() + 3] = True
    assert not after.labels[~reach].any()
    empty = Mask(np.zeros_like(before), mask.affine, REGIONS)
    assert not refine(empty, image, [Step(name)]).labels.any()
    one = Mask(before[:, :, 4:5].copy(), mask.affine, REGIONS)
    flat = refine(one, Volume(image.array[:, :, 4:5], image.affine), [Step(name)])
    assert flat.labels.shape == one.labels.shape


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_named_hybrids_go_to_a_file_and_back(path: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "method" in content:
        options = {"trees": 3} if content["method"] == "random_forest" else {}
        cases = write_scenes(tmp_path, range(2))
        model: object = fit_method(content["method"], cases, ClassicalSettings(REGIONS, options=options))
        image = scene(5)[0]
    else:
        model, image = Segmenter(BLOCKS, first_network(BLOCKS)), patient(1)[0]
    hybrid = Refined(model, read_steps(path))  # type: ignore[arg-type]
    back = load_model(hybrid.to_bytes())
    assert isinstance(back, Refined)
    assert back.name == hybrid.name
    assert all(step.name in back.name for step in hybrid.steps)
    np.testing.assert_array_equal(back.segment(image).labels, hybrid.segment(image).labels)


@pytest.mark.parametrize(
    "text",
    ["", "refine: []", "refine: 3", "refine: [{band: 1}]", "refine: [magic]", "refine: [{name: watershed, bend: 1}]",
     "refine: [{name: watershed, band: -1}]", "refine: [{name: active_contour, kind: wild}]", "a: [", "refine: [1]",
     "refine: [{name: morphology, holes: 3}]", "network: unet_3d"],
)  # fmt: skip
def test_refinements_that_cannot_be_read_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "steps.yaml"
    path.write_text(text)
    with pytest.raises(ImageRefusal) as refused:
        read_steps(path)
    assert refused.value.code == "bad_refinement"


def _run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, result.output if result.exit_code else result.stdout


def test_the_commands_train_a_method_or_a_hybrid_and_predict_with_it(tmp_path: Path) -> None:
    write_scenes(tmp_path, range(3))
    hybrid = tmp_path / "hybrid.yaml"
    hybrid.write_text("method: otsu\nrefine: [{name: morphology, holes: true}]\n")
    for options, start in ((["--method", "otsu"], "otsu:"), (["--hybrid", hybrid], "otsu+morphology:")):
        out, masks = tmp_path / "model.safetensors", tmp_path / start.strip(":")
        code, text = _run("train", "--data", tmp_path, "--out", out, *options, "--json")
        assert code == 0, text
        assert json.loads(text)["segmenter"].startswith(start)
        code, text = _run("predict", out, "--input", tmp_path / "imagesTr", "--output", masks, "--json")
        assert (code, json.loads(text)["cases"]) == (0, 3)
        found = load_model(out.read_bytes()).segment(read_image(tmp_path / "imagesTr" / "case_01.nii.gz"))
        np.testing.assert_array_equal(
            read_mask(masks / "case_01.nii.gz", {"2": 2, "7": 7}).labels.sum(), found.labels.sum()
        )


def test_a_hybrid_network_is_trained_and_leaves_one_file(tmp_path: Path) -> None:
    write_scenes(tmp_path, range(3))
    out = tmp_path / "model.safetensors"
    code, text = _run("train", "--data", tmp_path, "--out", out, "--hybrid", CONFIGS[-1], "--steps", 2, "--json")
    assert code == 0, text
    assert load_model(out.read_bytes()).name == json.loads(text)["segmenter"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [out.name]


def test_wrong_names_and_files_end_the_command(tmp_path: Path) -> None:
    write_scenes(tmp_path, range(2))
    start = ["train", "--data", tmp_path, "--out", tmp_path / "model"]
    both = tmp_path / "both.yaml"
    both.write_text("network: unet_3d\nmethod: otsu\nrefine: [watershed]\n")
    settings = tmp_path / "settings.json"
    settings.write_text('{"regions": {"a": 1}, "channels": 4}')
    assert _run(*start, "--method", "magic")[0] == 2
    code, text = _run(*start, "--hybrid", both)
    assert (code, "bad_refinement" in text) == (3, True)
    code, text = _run(*start, "--method", "otsu", "--plan", settings)
    assert (code, "bad_settings" in text) == (3, True)
    both.write_bytes(b"nonsense")
    assert _run("predict", both, "--input", tmp_path / "imagesTr", "--output", tmp_path / "masks")[0] == 3
