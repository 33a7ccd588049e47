"""Every recipe for scarce labels: it repeats itself, goes on after a kill, and sees no mask that it was not given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from segmentation.augmentation.augment import Source
from segmentation.cli import app
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import CaseFiles
from segmentation.images.reading import read_mask
from segmentation.images.writing import write_mask
from segmentation.learning import trainer, training
from segmentation.learning.sources import read_sources, spots_of
from segmentation.learning.training import Trained, TrainingSetup, train, train_segmenter
from segmentation.learning.training_case import TrainingCase
from segmentation.networks import NETWORKS
from segmentation.outlining.inference import Segmenter
from segmentation.scarce_labels import recipes
from segmentation.scarce_labels.generation import generated_sources, generator_of
from segmentation.scarce_labels.lesson import Beginning
from segmentation.scarce_labels.recipes import RECIPES, Recipe, ScarceLabels, Task
from segmentation.scarce_labels.unlabelled import unlabelled_cases
from segmentation.types import Mask
from tests.segmenter_studies import BLOCKS, PLANS, SLICES, write_cases

PLAN = replace(BLOCKS, steps=2)
every_recipe = pytest.mark.parametrize("name", list(RECIPES))


class _KilledError(Exception):
    pass


@pytest.fixture
def study(tmp_path: Path) -> SimpleNamespace:
    """Labelled cases, two of them held out, and a whole data set of which the images alone are learned from."""
    labelled = write_cases(tmp_path / "labelled", range(4))
    others = write_cases(tmp_path / "others", range(10, 13))
    images = tuple(CaseFiles(case.case_id, case.images) for case in others)
    return SimpleNamespace(learned=labelled[:3], held=tuple(labelled[3:]), others=others, images=images, at=tmp_path)


def _trained(study: SimpleNamespace, name: str, plan=PLAN, **setup) -> Trained:  # type: ignore[no-untyped-def]
    scarce = ScarceLabels(name, study.images)
    return train(study.learned, plan, TrainingSetup(held=study.held, scarce=scarce, **setup))


def _rubbish(cases: list[TrainingCase]) -> None:
    for case in cases:
        assert isinstance(case.mask, Path)
        case.mask.write_bytes(b"no mask at all")


def _turned(cases: tuple[TrainingCase, ...]) -> None:
    for case in cases:
        assert isinstance(case.mask, Path)
        mask = read_mask(case.mask, PLAN.regions)
        write_mask(Mask(np.asfortranarray(mask.labels[::-1]), mask.affine, mask.regions), case.mask)


@every_recipe
def test_only_given_masks_are_read_and_the_same_bytes_come_out_on_any_number_of_cores(
    name: str, study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _trained(study, name)
    _rubbish(study.others)
    _turned(study.held)
    monkeypatch.setattr(trainer, "cores", lambda: 1)
    study.learned, study.images = study.learned[::-1], study.images[::-1]
    second = _trained(study, name)
    assert second.segmenter.to_bytes() == first.segmenter.to_bytes()
    plain = train_segmenter(study.learned, ScarceLabels(name, study.images).planned(PLAN))
    assert any(
        not torch.equal(a, b)
        for a, b in zip(first.segmenter.network.parameters(), plain.network.parameters(), strict=True)
    )


def _peeking(task: Task) -> Beginning:
    """A recipe with a leak: it looks beside the unlabelled images for their masks."""

    def named(source: Source) -> Source:
        folder = next(path for path in _PEEKED if (path / f"{source.case_id}.nii.gz").exists())
        classes = np.ascontiguousarray(read_mask(folder / f"{source.case_id}.nii.gz", task.plan.regions).labels)
        spots = spots_of(classes, source.case_id)
        return replace(source, classes=torch.from_numpy(classes), spots=spots)

    return Beginning([*task.labelled, *map(named, task.unlabelled)], task.start)


_PEEKED: list[Path] = []


def test_a_recipe_that_peeks_is_caught(study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    import segmentation.scarce_labels.semi_supervised as place

    monkeypatch.setattr(place, "peeking", _peeking, raising=False)
    monkeypatch.setitem(recipes.RECIPES, "peeking", Recipe("semi_supervised:peeking", "leaks"))
    monkeypatch.setattr(f"{__name__}._PEEKED", [study.others[0].mask.parent])
    first = _trained(study, "peeking")
    _turned(tuple(study.others))
    assert _trained(study, "peeking").segmenter.to_bytes() != first.segmenter.to_bytes()
    _rubbish(study.others)
    with pytest.raises(ImageRefusal):
        _trained(study, "peeking")


@pytest.mark.parametrize("name", ["mean_teacher", "gradient_reversal", "masked_reconstruction"])
def test_a_killed_training_goes_on_to_the_same_bytes(
    name: str, study: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LEAST_STEPS", 2)
    plan, checkpoint = replace(PLAN, steps=4), tmp_path / "state"

    def kill(done: int, _: int) -> None:
        if done == 3:
            raise _KilledError

    with pytest.raises(_KilledError):
        _trained(study, name, plan, checkpoint=checkpoint, progress=kill)
    steps: list[int] = []
    resumed = _trained(study, name, plan, checkpoint=checkpoint, progress=lambda done, _: steps.append(done))
    assert steps == [3, 4]
    assert resumed.segmenter.to_bytes() == _trained(study, name, plan).segmenter.to_bytes()
    study.images = study.images[:2]
    with pytest.raises(ImageRefusal) as refused:
        _trained(study, name, plan, checkpoint=checkpoint)
    assert refused.value.code == "checkpoint_mismatch"


@every_recipe
def test_slices_learn_by_it_too_and_the_model_says_what_it_saw(name: str, study: SimpleNamespace) -> None:
    done = _trained(study, name, replace(SLICES, steps=2))
    again = Segmenter.from_bytes(done.segmenter.to_bytes())
    assert again.trained_on is not None
    assert again.trained_on.recipe == name
    assert len(again.trained_on.images) == 3 + 1 + 3
    assert done.notes[0].startswith(name)


def test_a_recipe_without_what_it_needs_is_refused(study: SimpleNamespace) -> None:
    cases = [
        ("unknown_recipe", lambda: ScarceLabels("alchemy")),
        ("no_unlabelled", lambda: ScarceLabels("mean_teacher")),
        (
            "recipe_unfit",
            lambda: _trained(study, "mean_teacher", replace(PLAN, heads={"w": ("kidney", "tumor"), "t": ("tumor",)})),
        ),
        ("weights_damaged", lambda: train(study.learned, PLAN, TrainingSetup(scarce=ScarceLabels(start=b"nothing")))),
    ]
    for code, act in cases:
        with pytest.raises(ImageRefusal) as refused:
            act()
        assert refused.value.code == code


def test_a_start_is_taken_over_and_its_images_are_remembered(study: SimpleNamespace) -> None:
    model = train_segmenter(study.others, replace(PLAN, regions={"tumor": 2}))
    done = train(study.learned, replace(PLAN, steps=1), TrainingSetup(scarce=ScarceLabels(start=model.to_bytes())))
    plain = train_segmenter(study.learned, replace(PLAN, steps=1))
    theirs, mine, fresh = (one.network.state_dict()["down.0.0.weight"] for one in (model, done.segmenter, plain))
    assert (mine - theirs).abs().max() < 0.02 < (mine - fresh).abs().max()
    assert "another shape: head.bias, head.weight" in done.notes[0]
    assert model.trained_on is not None
    assert done.segmenter.trained_on is not None
    assert set(model.trained_on.images) < set(done.segmenter.trained_on.images)


def test_labelled_images_among_the_unlabelled_are_left_out_whatever_their_name(study: SimpleNamespace) -> None:
    folder = study.at / "mixed"
    folder.mkdir()
    for number, case in enumerate([*study.learned, *study.held, *study.others]):
        (folder / f"scan{number}.nii.gz").write_bytes(case.images[0].read_bytes())
    found, left_out = unlabelled_cases(folder, [*study.learned, *study.held], ("image",))
    assert [case.name for case in found] == ["scan4", "scan5", "scan6"]
    assert left_out == 4


def test_generated_images_follow_their_masks(study: SimpleNamespace) -> None:
    plan = replace(PLAN, steps=15, intensity="z_score")
    sources = read_sources(study.learned, plan)
    made = generator_of(sources, plan)
    classes = torch.zeros(plan.patch, dtype=torch.int64)
    empty, again, other = made.image(classes, 1), made.image(classes, 1), made.image(classes, 2)
    assert torch.equal(empty, again)
    assert not torch.equal(empty, other)
    classes[6:18, 6:18, 4:12] = 1
    changed = (made.image(classes, 1) - empty).abs()[0]
    assert changed[6:18, 6:18, 4:12].mean() > 1.3 * changed[:2].mean()
    one, two, three = generated_sources(made, sources, 3)
    assert one.case_id == "generated_000"
    assert one.image.shape == (1, *plan.patch)
    assert not torch.equal(one.classes, two.classes)
    assert {number for source in (one, two, three) for number in source.spots} == {1, 2}
    for number, spots in one.spots.items():
        assert (one.classes.numpy()[tuple(spots.T)] == number).all()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    write_cases(tmp_path / "data", range(3))
    write_cases(tmp_path / "more", range(20, 23))
    return tmp_path / "data", tmp_path / "more" / "imagesTr"


def test_the_command_trains_by_a_recipe_and_names_bad_images(folders: tuple[Path, Path], tmp_path: Path) -> None:
    data, more = folders
    (more / "bad.nii.gz").write_bytes(b"x")
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({**replace(PLAN, regions={"1": 1, "2": 2}).to_json()}))
    words = [
        "train",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "model"),
        "--plan",
        str(plan),
        "--device",
        "cpu",
        "--json",
    ]
    wanted = ["--recipe", "masked_reconstruction", "--unlabelled", str(more)]
    result = CliRunner().invoke(app, [*words, *wanted])
    assert result.exit_code == 4, result.output
    document = json.loads(result.stdout)
    assert list(document["failed"]) == ["unlabelled bad"]
    assert document["recipe"] == "masked_reconstruction"
    assert "3 unlabelled" in document["notes"][0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "model", "more", "plan.json"]
    started = CliRunner().invoke(app, [*words, "--start", str(tmp_path / "model")])
    assert started.exit_code == 0, started.output
    assert "22 tensors taken over" in json.loads(started.stdout)["notes"][0]
    assert CliRunner().invoke(app, [*words, "--recipe", "mean_teacher"]).exit_code == 3
    for wrong in (
        ["--recipe", "x"],
        ["--unlabelled", str(more)],
        [*wanted, "--folds", "2"],
        [*wanted, "--minutes", "1"],
    ):
        assert CliRunner().invoke(app, [*words, *wrong]).exit_code == 2


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "swin_unetr_3d"])  # half a minute
def test_every_network_has_deep_maps_to_adapt_or_says_that_it_cannot(name: str, study: SimpleNamespace) -> None:
    family = NETWORKS[name]
    plan = replace(PLANS[name], steps=1, batch=1, deep_supervision=family.deep_supervision)
    if not family.own_loss:
        assert _trained(study, "gradient_reversal", plan).steps == 1
        return
    with pytest.raises(ImageRefusal) as refused:
        _trained(study, "gradient_reversal", plan)
    assert refused.value.code == "recipe_unfit"
