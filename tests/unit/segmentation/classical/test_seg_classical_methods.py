"""Every classical method: learns from cases, outlines in the image's geometry, is saved without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from segmentation.classical import METHODS
from segmentation.classical.segmenter import ClassicalSegmenter, fit_method
from segmentation.classical.settings import ClassicalSettings
from segmentation.errors import ImageRefusal
from segmentation.images.writing import write_image, write_mask
from segmentation.learning.training_case import TrainingCase
from segmentation.metrics import dice_by_region
from segmentation.models import load_model
from segmentation.types import Mask, Volume

REGIONS = {"core": 2, "shell": 7}
SHAPE = (20, 18, 12)
SETTINGS = ClassicalSettings(REGIONS)
FAST = {"random_forest": {"trees": 5}, "pixel_svm": {"landmarks": 60}}


def scene(number: int, shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, Mask]:
    """A bright block in a half as bright one, on dark ground; both move a little from case to case."""
    rng = np.random.default_rng(number)
    labels = np.zeros(shape, dtype=np.uint8)
    i, j = (int(n) for n in rng.integers(4, 7, size=2))
    k = min(int(rng.integers(2, 4)), shape[2] - 1)
    labels[i : i + 9, j : j + 8, k : k + 6] = 7
    labels[i + 2 : i + 6, j + 2 : j + 6, k : k + 4] = 2
    bright = np.choose(labels // 2, [0.0, 10.0, 0.0, 5.0]) + rng.normal(0, 0.4, size=shape)
    affine = np.diag([-1.0, 1.2, 2.0, 1.0])
    return Volume(bright.astype(np.float32), affine), Mask(labels, affine, REGIONS)


def write_scenes(folder: Path, numbers: range, shape: tuple[int, int, int] = SHAPE) -> list[TrainingCase]:
    cases = []
    for number in numbers:
        image, mask = (folder / name / f"case_{number:02d}.nii.gz" for name in ("imagesTr", "labelsTr"))
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        drawn = scene(number, shape)
        write_image(drawn[0], image)
        write_mask(drawn[1], mask)
        cases.append(TrainingCase(image.name.removesuffix(".nii.gz"), (image,), mask))
    return cases


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingCase]:
    return write_scenes(tmp_path_factory.mktemp("scenes"), range(5))


def settings_of(name: str, **changes: object) -> ClassicalSettings:
    return ClassicalSettings(REGIONS, options=FAST.get(name, {}), **changes)  # type: ignore[arg-type]


# Canny's closed lines run between voxels of both regions; a contour of two sides sees one of three tissues.
LEAST = {"place": 0.45, "edges": 0.4, "active_contour": 0.45, "region_growing": 0.55, "watershed": 0.5}
LEAST |= {"otsu": 0.6, "threshold": 0.6, "morphology": 0.6}


@pytest.mark.parametrize("name", METHODS)
def test_an_unseen_image_is_outlined_on_its_own_grid(name: str, cases: list[TrainingCase]) -> None:
    segmenter = fit_method(name, cases, settings_of(name))
    image, truth = scene(11)
    mask = segmenter.segment(image)
    assert mask.grid.shape == image.grid.shape
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert set(np.unique(mask.labels)) <= {0, 2, 7}
    scores = dice_by_region(truth, mask)
    assert np.mean(list(scores.values())) >= LEAST.get(name, 0.65), scores


@pytest.mark.parametrize("name", METHODS)
def test_bytes_hold_all_of_it_whatever_the_order_of_cases_and_the_threads(name: str, cases: list[TrainingCase]) -> None:
    with threadpool_limits(1):
        first = fit_method(name, cases, settings_of(name))
    again = fit_method(name, cases[::-1], settings_of(name))
    assert first.to_bytes() == again.to_bytes()
    back = load_model(first.to_bytes())
    assert isinstance(back, ClassicalSegmenter)
    assert back.name == first.name
    assert back.name.startswith(f"{name}:")
    image, _ = scene(12)
    np.testing.assert_array_equal(back.segment(image).labels, first.segment(image).labels)


@pytest.mark.parametrize("name", METHODS)
def test_slices_and_single_slices_are_outlined_too(name: str, tmp_path: Path) -> None:
    cases = write_scenes(tmp_path, range(3), (20, 18, 1))
    image, truth = scene(13, (20, 18, 1))
    found = [fit_method(name, cases, settings_of(name, dimensions=n)).segment(image) for n in (2, 3)]
    np.testing.assert_array_equal(found[0].labels, found[1].labels)  # one slice is one slice either way
    assert found[0].grid.shape == truth.grid.shape


@pytest.mark.parametrize("name", METHODS)
def test_slice_by_slice_a_plane_is_outlined_by_itself(name: str, cases: list[TrainingCase]) -> None:
    image, _ = scene(14)
    mask = fit_method(name, cases[:3], settings_of(name, dimensions=2)).segment(image)
    assert mask.grid.shape == image.grid.shape


@pytest.mark.parametrize("name", METHODS)
def test_the_named_channel_is_read_and_the_number_of_channels_checked(name: str, tmp_path: Path) -> None:
    pairs = []
    for case in write_scenes(tmp_path, range(3)):
        noise = tmp_path / f"{case.case_id}_noise.nii.gz"
        rng = np.random.default_rng(len(pairs))
        write_image(Volume(rng.normal(size=SHAPE).astype(np.float32), scene(0)[0].affine), noise)
        pairs.append(TrainingCase(case.case_id, (noise, *case.images), case.mask))
    image, truth = scene(11)
    noise_volume = Volume(np.random.default_rng(9).normal(size=SHAPE).astype(np.float32), image.affine)
    model = fit_method(name, pairs, settings_of(name, inputs=("noise", "ct"), channel="ct"))
    scores = dice_by_region(truth, model.segment([noise_volume, image]))
    assert np.mean(list(scores.values())) > 0.35, scores
    with pytest.raises(ImageRefusal, match="another number of channels") as refused:
        model.segment(image)
    assert refused.value.code == "wrong_channels"


@pytest.mark.parametrize("name", METHODS)
def test_a_region_that_no_case_holds_is_never_drawn(name: str, cases: list[TrainingCase]) -> None:
    options = FAST.get(name, {})
    model = fit_method(name, cases[:3], ClassicalSettings({**REGIONS, "absent": 9}, options=options))
    assert 9 not in model.segment(scene(11)[0]).labels


def test_another_voxel_size_comes_back_on_the_image(cases: list[TrainingCase]) -> None:
    model = fit_method("threshold", cases, ClassicalSettings(REGIONS, voxel=(2.0, 2.0, 2.0)))
    image, truth = scene(11)
    mask = model.segment(image)
    assert mask.grid.shape == truth.grid.shape
    assert dice_by_region(truth, mask)["shell"] > 0.5


def test_what_cannot_be_used_is_refused(cases: list[TrainingCase], tmp_path: Path) -> None:
    image, mask = scene(0)
    empty = tmp_path / "empty.nii.gz"
    write_mask(Mask(np.zeros_like(mask.labels), mask.affine, REGIONS), empty)
    wrong = [
        ("bad_settings", "nonsense", cases, SETTINGS),
        ("bad_settings", "k_means", cases, ClassicalSettings(REGIONS, options={"cluster": 3})),
        ("bad_settings", "k_means", cases, ClassicalSettings(REGIONS, options={"clusters": "many"})),
        ("bad_settings", "watershed", cases, ClassicalSettings(REGIONS, options={"markers": "sun"})),
        ("no_cases", "otsu", [], SETTINGS),
        ("duplicate_case", "otsu", [cases[0], cases[0]], SETTINGS),
        ("nothing_to_learn", "otsu", [TrainingCase("a", cases[0].images, empty)], SETTINGS),
        ("nothing_to_learn", "random_forest", [TrainingCase("a", cases[0].images, empty)], SETTINGS),
    ]
    for code, name, some, settings in wrong:
        with pytest.raises(ImageRefusal) as refused:
            fit_method(name, some, settings)
        assert refused.value.code == code, name
    model = fit_method("otsu", cases, SETTINGS)
    holes = image.array.copy()
    holes[3, 3, 3] = np.nan
    bad = {"non_finite": holes, "constant_image": np.ones_like(image.array)}
    for code, array in bad.items():
        with pytest.raises(ImageRefusal) as refused:
            model.segment(Volume(array, image.affine))
        assert refused.value.code == code
    with pytest.raises(ImageRefusal) as refused:
        model.segment(image, limit_bytes=1000)
    assert refused.value.code == "too_large"


@pytest.mark.parametrize("keep", [0, 4, 40, -3])
def test_damaged_bytes_are_refused(keep: int, cases: list[TrainingCase]) -> None:
    data = fit_method("otsu", cases[:2], SETTINGS).to_bytes()
    with pytest.raises(ImageRefusal) as refused:
        load_model(data[:keep])
    assert refused.value.code == "weights_damaged"
