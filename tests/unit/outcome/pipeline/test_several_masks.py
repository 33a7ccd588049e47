"""Several masks of a case: by the network that drew its mask and never learned from it, and carried to the risks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

import outcome
from outcome.bundle import read_bundle
from outcome.cases import case_mask_bytes, load_segmenter, segment_case
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.explain.outlines import CHANGED, NETWORK
from outcome.pipeline.inputs import read_inputs
from outcome.pipeline.masks.report import outline_kinds
from outcome.pipeline.masks.several import KeptMasks, kept_masks
from outcome.pipeline.outlines import evenly
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import StageResult
from outcome.pipeline.validate import apply_bundle
from outcome.recipe import CaseInput
from outcome.report.masks import mask_groups
from outcome.serving import RiskModel
from outcome.store import folder_digests, read_json, read_parquet
from segmentation.images.reading import read_mask
from tests.learned_study import LEARNING, PREDICTING, TRAINING, Hospitals, write_study

REGIONS = {"kidney": 1, "tumor": 2}
SCHEMA = json.loads((Path(outcome.__file__).parent.parent / "configs" / "metrics.schema.json").read_text())
PATIENTS, PATIENTS_B = 14, 3
THREE = "segmenter.masks=3"
SMALL = ("segmenter.steps=8", "training.bootstraps=0", "training.families=[elastic_net]")  # one rung: all blocks


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Hospitals:
    """Hospital A with three masks of each case and a model; hospital B with images and masks of its own."""
    hospitals = Hospitals(tmp_path_factory.mktemp("several"))
    write_study(hospitals.folder / "A", patients=PATIENTS)
    write_study(hospitals.folder / "B", "B", patients=PATIENTS_B)
    hospitals.run(hospitals.study("A", THREE, *SMALL), TRAINING)
    return hospitals


@pytest.fixture
def hospitals(trained: Hospitals, tmp_path: Path) -> Hospitals:
    return trained.copied(tmp_path / "hospitals")


def segment(hospitals: Hospitals, site: str = "A") -> Path:
    return hospitals.store(site).stage("segment")


def kept(hospitals: Hospitals, site: str = "A") -> dict[str, KeptMasks]:
    found = kept_masks(segment(hospitals, site))
    assert found is not None
    return dict(found)


def written(folder: Path) -> dict[str, int]:
    """When every network and every mask was written."""
    return {str(p): p.stat().st_mtime_ns for name in ("networks", "cases") for p in sorted((folder / name).iterdir())}


def predicted(hospitals: Hospitals, outlines: int, *settings: str) -> tuple[pd.DataFrame, StageResult]:
    """A's model on B, and the table of outlines."""
    bundle = hospitals.store().bundle
    study = apply_bundle(bundle, hospitals.study("B", *settings), hospitals.folder / "store", outcomes_needed=False)
    with open_run(study, hospitals.folder / "store", command="test", device="cpu") as run:
        results = run_stages(replace(run, outlines=outlines), [STAGE_RUNNERS[name] for name in PREDICTING], bundle)
    place = hospitals.store("B").stage("predict", read_bundle(bundle).id)
    return read_parquet(place / "outlines.parquet"), results[-1]


def volumes(files: tuple[Path, ...], region: str = "kidney") -> list[int]:
    return [int(np.count_nonzero(read_mask(file, REGIONS).labels == REGIONS[region])) for file in files]


def test_a_case_s_masks_are_by_the_network_that_never_learned_from_it(trained: Hospitals) -> None:
    folder = segment(trained)
    networks = read_json(folder / "segmenter.json")["networks"]
    index = read_json(folder / "index.json")
    assert sorted(kept(trained)) == sorted(index)
    for case_id, found in kept(trained).items():
        told = read_json(folder / "several" / f"{found.key}.json")
        by = networks[told["drawn_by"]]
        assert told["drawn_by"] == read_json(folder / "cases" / f"{index[case_id]}.json")["drawn_by"] != "final"
        assert told["network"] == by["name"]
        assert case_id not in read_json((folder / by["file"]).with_suffix(".json"))["cases"]


def test_the_middle_one_is_the_case_s_own_mask_and_no_other_network_draws_it(trained: Hospitals) -> None:
    """What the record says could be wrong; the voxels cannot."""
    folder = segment(trained)
    index = read_json(folder / "index.json")
    for case_id, found in kept(trained).items():
        assert found.files[1].read_bytes() == (folder / "cases" / f"{index[case_id]}.nii.gz").read_bytes()
    case_id, found = next(iter(kept(trained).items()))
    file = folder / read_json(folder / "segmenter.json")["networks"]["final"]["file"]
    with open_run(trained.study("A", THREE, *SMALL), trained.folder / "store", command="test") as run:
        recipe, case = recipe_in(run), read_inputs(run)[case_id]
    assert recipe is not None
    leaked = segment_case(case, recipe, load_segmenter(file.read_bytes(), recipe)).mask
    assert found.files[1].read_bytes() != case_mask_bytes(leaked)


def test_they_go_from_cautious_to_generous_and_differ(trained: Hospitals) -> None:
    """Kidney and tumour together: a threshold moves the border to background, not the one between them."""
    sizes = [volumes(found.files) for found in kept(trained).values()]
    assert all(size == sorted(size) for size in sizes)
    assert any(size[0] < size[2] for size in sizes)


def test_asking_for_other_numbers_trains_and_draws_nothing_again(hospitals: Hospitals) -> None:
    folder = segment(hospitals)
    before = written(folder)
    hospitals.run(hospitals.study("A", *SMALL), LEARNING)
    assert written(folder) == before
    assert kept_masks(folder) is None
    assert not [name for name in folder_digests(folder) if name.startswith("several")]
    assert "masks" not in read_json(folder / "manifest.json")["config"]["learning"]
    hospitals.run(hospitals.study("A", *SMALL, "segmenter.masks=2"), LEARNING)
    assert written(folder) == before
    assert {len(found.files) for found in kept(hospitals).values()} == {2}


def test_a_damaged_mask_is_drawn_again_alone(hospitals: Hospitals) -> None:
    case_id, found = next(iter(kept(hospitals).items()))
    whole = [file.read_bytes() for file in found.files]
    others = {file: file.stat().st_mtime_ns for c, k in kept(hospitals).items() if c != case_id for file in k.files}
    found.files[0].write_bytes(b"rubbish")
    hospitals.run(hospitals.study("A", THREE, *SMALL), LEARNING)
    assert [file.read_bytes() for file in found.files] == whole
    assert {file: file.stat().st_mtime_ns for file in others} == others


def test_ranges_stand_on_the_network_s_masks_and_say_so(hospitals: Hospitals) -> None:
    """B keeps as many as the bundle's study does; with none kept the mask itself is changed."""
    table, result = predicted(hospitals, 3)
    assert set(table["kind"]) == {NETWORK}
    assert result.counts["outlines"] == f"{PATIENTS_B} by the network that drew the mask"
    assert set(table["n_outlines"]) == {3}
    place = hospitals.store("B").stage("predict", read_bundle(hospitals.store().bundle).id)
    found = kept(hospitals, "B")
    own = read_parquet(hospitals.store("B").stage("radiomics") / "radiomics.parquet").set_index("case_id")
    for path in (place / "outlines").glob("*.json"):
        told = read_json(path)
        counts = volumes(found[told["case_id"]].files)
        measured = [outline["kidney.morph_vol_approx"] for outline in told["outlines"]]
        assert measured == pytest.approx([measured[1] / counts[1] * count for count in counts])
        assert measured[1] == own.loc[told["case_id"], "kidney.morph_vol_approx"]
    changed, result = predicted(hospitals, 3, "segmenter.masks=0")
    assert set(changed["kind"]) == {CHANGED}
    assert result.counts["outlines"] == f"{PATIENTS_B} by changing the mask"
    assert changed["risk"].tolist() == table["risk"].tolist()
    assert changed["high"].tolist() != table["high"].tolist()


def test_from_memory_the_same_ranges(hospitals: Hospitals) -> None:
    """Crop, measurement and quantiles by another way than through the store."""
    table, _ = predicted(hospitals, 3)
    model = RiskModel.load(hospitals.store().bundle)
    record = pd.read_csv(hospitals.folder / "B" / "table.csv").set_index("case_id").loc["B000"]
    case = CaseInput("B000", {"ct": hospitals.folder / "B" / "B000" / "ct.nii.gz"})
    alone = model.network_interval(case, {"age": float(record["age"]), "sex": record["sex"]}, 3)
    stored = table[table["case_id"] == "B000"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, stored, check_exact=True)
    with pytest.raises(DataRefusal, match="unknown variables"):
        model.network_interval(case, {"nothing": 1.0}, 3)


def test_metrics_and_report_say_which_kind(hospitals: Hospitals) -> None:
    predicted(hospitals, 3)
    place = hospitals.store("B").stage("predict", read_bundle(hospitals.store().bundle).id)
    told = outline_kinds(place, pd.Index(["B000", "B002", "Z"]))
    assert told == {"outlines": {NETWORK: 2, CHANGED: 0}}
    masks = {"source": "final network", "network": "unet_3d:0123456789ab", "n_drawn": 3, "regions": {}, **told}
    jsonschema.validate(masks, {**SCHEMA, **SCHEMA["$defs"]["masks"]})
    (group,) = mask_groups({"partitions": {"all": {"masks": masks}}})
    assert group.ranges == (
        "Ranges of risks over other outlines (outlines.parquet): 2 cases by what this network would outline more "
        "cautiously or more generously."
    )
    assert outline_kinds(place / "nothing", pd.Index(["B000"])) == {}


def test_more_outlines_than_masks_are_refused_and_the_hospital_may_keep_more(hospitals: Hospitals) -> None:
    with pytest.raises(ConfigRefusal, match=r"--outlines 4, segmenter\.masks: 3"):
        predicted(hospitals, 4)
    table, _ = predicted(hospitals, 4, "segmenter.masks=5")
    assert set(table["n_outlines"]) == {4}
    assert set(table["kind"]) == {NETWORK}


def test_a_case_whose_masks_could_not_be_drawn_has_a_reason_and_no_other_kind_of_range(
    hospitals: Hospitals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(task: Any) -> None:
        if task.work.case_id == "B001":
            raise MemoryError
        plain(task)

    from outcome.pipeline.masks import several as several_masks

    plain = several_masks._draw_several
    monkeypatch.setattr(several_masks, "_draw_several", failing)
    table, result = predicted(hospitals, 3)
    row = table[table["case_id"] == "B001"].iloc[0]
    assert "could not be drawn" in row["reason"]
    assert (row["kind"], row["n_outlines"]) == ("", 0)
    assert list(result.failed) == ["B001"]
    assert set(table.loc[table["case_id"] != "B001", "kind"]) == {NETWORK}


def _pairs() -> Iterator[tuple[int, int]]:
    return ((all_of_them, some) for all_of_them in range(1, 25) for some in range(all_of_them + 1))


def test_fewer_masks_are_spread_over_all_of_them() -> None:
    assert evenly(3, 1) == (1,)
    assert evenly(3, 2) == (0, 2)
    assert evenly(7, 3) == (1, 3, 5)
    for count, some in _pairs():
        places = evenly(count, some)
        assert len(set(places)) == some
        assert list(places) == sorted(places)
        assert set(places) <= set(range(count))
    with pytest.raises(ValueError, match="4 of 3"):
        evenly(3, 4)
