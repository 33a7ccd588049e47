"""Quality findings that need more than a mask, the review page, and the verdicts on it."""

from __future__ import annotations

import csv
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from segmentation.assessment.expected_volumes import expected_volumes, volumes_from_json, volumes_to_json
from segmentation.assessment.quality import check_disagreement, check_mask
from segmentation.cli import app
from segmentation.display import three_planes
from segmentation.errors import ImageRefusal
from segmentation.images.writing import write_image, write_mask
from segmentation.review.cases import ReviewCase, in_order
from segmentation.review.pictures import PALETTE, picture
from segmentation.review.verdicts import Verdict, as_table, read_verdicts, standing
from segmentation.types import Finding, Mask, Volume

TWINS = {"left_kidney": 1, "right_kidney": 2}


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def _kidneys(left_at: int, right_at: int, flip: int = 1, shape: tuple[int, int, int] = (30, 12, 12)) -> Mask:
    """Boxes at these places along the first axis, which grows to the patient's right (flip 1) or left (-1); 10 mm."""
    labels = np.zeros(shape, dtype=np.uint8)
    labels[left_at : left_at + 4, 3:7, 3:7] = 1
    if right_at >= 0:
        labels[right_at : right_at + 4, 3:7, 3:7] = 2
    return Mask(labels, np.diag([10.0 * flip, 10, 10, 1]), TWINS)


def _messages(mask: Mask, code: str) -> list[str]:
    return [finding.message for finding in check_mask(mask) if finding.code == code]


def test_sides_are_the_patients_whatever_way_the_axis_grows() -> None:
    assert _messages(_kidneys(4, 20), "wrong_side") == []
    assert _messages(_kidneys(20, 4, flip=-1), "wrong_side") == []
    for mask in (_kidneys(20, 4), _kidneys(4, 20, flip=-1)):
        (message,) = _messages(mask, "wrong_side")
        assert message.startswith("left_kidney lies right of its namesake")


def test_a_lone_side_is_judged_on_a_whole_torso_only() -> None:
    assert _messages(_kidneys(20, -1), "wrong_side") == [
        "left_kidney lies on the patient's right; check the label and the image's orientation"
    ]
    assert _messages(_kidneys(4, -1), "wrong_side") == []
    narrow = _kidneys(18, -1, shape=(24, 12, 12))
    assert _messages(narrow, "wrong_side") == [], "24 cm may be one half of the body"


def _box(edge: int) -> Mask:
    labels = np.zeros((30, 30, 30), dtype=np.uint8)
    labels[2 : 2 + edge, 2 : 2 + edge, 2 : 2 + edge] = 1
    return Mask(labels, np.diag([10.0, 10, 10, 1]), {"organ": 1, "rare": 2})


def test_volumes_are_held_against_those_learned_from() -> None:
    """Edges of 2 to 6 voxels of 1 ml: 8 to 216 ml, so 4 to 432 ml raise no question."""
    ranges = expected_volumes([_box(edge) for edge in (2, 3, 4, 5, 6)])
    assert list(ranges) == ["organ"]
    organ = ranges["organ"]
    assert (organ.low_ml, organ.high_ml, organ.n) == (pytest.approx(4), pytest.approx(432), 5)
    assert expected_volumes([_box(edge) for edge in (2, 3, 4, 5)]) == {}, "four cases tell nothing"
    assert volumes_from_json(json.loads(json.dumps(volumes_to_json(ranges)))) == ranges
    codes = [{f.code for f in check_mask(_box(edge), expected=ranges)} for edge in (7, 8)]
    assert ["implausible_volume" in found for found in codes] == [False, True]
    assert "implausible_volume" not in {f.code for f in check_mask(_box(8))}
    for wrong in ({"organ": {"low_ml": 1}}, {"organ": {"low_ml": 2, "high_ml": 1, "n": 5}}):
        with pytest.raises(ImageRefusal) as refused:
            volumes_from_json(wrong)
        assert refused.value.code == "bad_volumes"


def test_an_ensemble_that_disagrees_is_looked_at() -> None:
    """Members of 64 voxels, half of them shared: Dice 0.5 each; with itself 1."""
    mask = _box(4)
    moved = Mask(np.roll(mask.labels, 2, axis=0), mask.affine, mask.regions)
    (found,) = check_disagreement(mask, [moved, moved])
    assert (found.code, found.level) == ("ensemble_disagreement", "review")
    assert "0.50" in found.message
    assert check_disagreement(mask, [mask, mask, moved]) == []
    assert check_disagreement(mask, []) == []


def test_what_is_refused_stands_first_and_what_is_reviewed_last() -> None:
    def case(name: str, *levels: str) -> ReviewCase:
        return ReviewCase(name, "", tuple(Finding("x", level, "") for level in levels), ())

    cases = [case("a"), case("b", "note"), case("c", "review"), case("d", "review", "review"), case("e", "reject")]
    assert [one.case_id for one in in_order(cases, ["e"])] == ["d", "c", "b", "a", "e"]


def test_a_picture_outlines_the_region_in_true_proportions() -> None:
    """A slice of 30 x 30 voxels of 1 x 2 mm is shown twice as high as wide; only the region's rim is coloured."""
    labels = np.zeros((30, 30, 3), dtype=np.uint8)
    labels[10:20, 10:20, 1] = 1
    mask = Mask(labels, np.diag([1.0, 2, 5, 1]), {"a": 1})
    image = Volume(np.zeros((30, 30, 3), dtype=np.float32), mask.affine)
    png = picture(three_planes(mask, image)[0], mask.regions)
    shown = np.asarray(Image.open(BytesIO(png)))
    assert shown.shape == (240, 120, 3)
    coloured = (shown == PALETTE[0]).all(axis=-1)
    assert 2 * (80 + 40) - 8 <= coloured.sum() <= 2 * (80 + 40) + 8
    assert not coloured[120, 60], "the inside stays visible"
    assert png == picture(three_planes(mask, image)[0], mask.regions)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three masks and images: b's mask touches the border, c's is empty."""
    rng = np.random.default_rng(0)
    for name, box in (("a", slice(8, 16)), ("b", slice(0, 8)), ("c", slice(0, 0))):
        labels = np.zeros((24, 24, 24), dtype=np.uint8)
        labels[box, 8:16, 8:16] = 1
        for folder in ("masks", "images"):
            (tmp_path / folder).mkdir(exist_ok=True)
        write_mask(Mask(labels, np.eye(4), {"a": 1}), tmp_path / "masks" / f"{name}.nii.gz")
        write_image(
            Volume(rng.normal(size=labels.shape).astype(np.float32), np.eye(4)), tmp_path / f"images/{name}.nii.gz"
        )
    return tmp_path


def test_the_page_works_alone_and_in_order(study: Path) -> None:
    words = ("review", study / "masks", "--images", study / "images", "--labels", "organ=1", "--out", study / "s.html")
    done = _run(*words, "--json")
    assert done.exit_code == 0, done.output
    findings = json.loads(done.stdout)["findings"]
    assert list(findings) == ["c", "b", "a"]
    assert findings == {"c": ["reject: empty_mask"], "b": ["review: region_on_border"], "a": []}
    page = (study / "s.html").read_text()
    assert "http" not in page.replace('http-equiv="', ""), "nothing is fetched"
    assert page.count("data:image/png;base64,") == 6, "three planes of each region that is there"
    assert [page.index(f'data-case="{name}"') for name in "cba"] == sorted(
        page.index(f'data-case="{n}"') for n in "abc"
    )
    _run(*words)
    assert (study / "s.html").read_text() == page


def test_names_cannot_break_the_page(study: Path) -> None:
    (study / "masks" / "a.nii.gz").rename(study / "masks" / "<script>x.nii.gz")
    assert _run("review", study / "masks", "--out", study / "s.html").exit_code == 0
    assert "<script>x" not in (study / "s.html").read_text()


def test_a_damaged_mask_is_first_and_a_missing_image_is_said(study: Path) -> None:
    (study / "masks" / "a.nii.gz").write_bytes(b"no mask")
    (study / "images" / "b.nii.gz").unlink()
    done = _run("review", study / "masks", "--images", study / "images", "--out", study / "s.html", "--json")
    assert done.exit_code == 4
    answer = json.loads(done.stdout)
    assert list(answer["failed"]) == ["a"]
    assert "note: no_image" in answer["findings"]["b"]


def _table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("case", "verdict", "comment", "mask"), *rows])
    return path


def test_verdicts_are_added_and_stand_until_the_mask_changes(study: Path) -> None:
    masks = study / "masks"
    first = _table(study / "v.csv", ("a", "accept", "", ""), ("b", "Edit", 'rim, "low"', ""), ("c", "", "", ""))
    done = _run("review", masks, "--verdicts", first, "--by", "Reader", "--json")
    assert json.loads(done.stdout)["standing"] == {"accept": 1, "edit": 1}
    second = _table(study / "w.csv", ("a", "reject", "cyst", ""))
    done = _run("review", masks, "--verdicts", second, "--by", "Reader", "--json")
    assert json.loads(done.stdout)["rejected"] == ["a"]
    kept = read_verdicts(masks / "reviews.csv")
    assert [(v.case, v.verdict, v.comment) for v in kept] == [
        ("a", "accept", ""), ("b", "edit", 'rim, "low"'), ("a", "reject", "cyst"),
    ]  # fmt: skip
    _run("review", masks, "--out", study / "s.html")
    assert "<b>reject</b> by Reader: cyst" in (study / "s.html").read_text()
    (masks / "a.nii.gz").write_bytes((masks / "b.nii.gz").read_bytes())
    done = _run("review", masks, "--out", study / "s.html", "--json")
    assert json.loads(done.stdout)["reviewed"] == 1, "a mask drawn anew is not reviewed"


def test_verdicts_that_cannot_be_taken_over(study: Path) -> None:
    wrong = {
        "unknown_case": _table(study / "1.csv", ("z", "accept", "", "")),
        "bad_verdicts": _table(study / "2.csv", ("a", "perhaps", "", "")),
        "mask_changed": _table(study / "3.csv", ("a", "accept", "", "0123456789abcdef")),
    }
    for code, path in wrong.items():
        done = _run("review", study / "masks", "--verdicts", path, "--by", "Reader")
        assert (done.exit_code, done.stderr.split(":")[0]) == (3, code)
    assert _run("review", study / "masks", "--verdicts", wrong["unknown_case"]).exit_code == 3, "nobody said so"
    assert _run("review", study / "masks").exit_code == 2
    assert not (study / "masks" / "reviews.csv").exists()


def test_a_table_of_verdicts_reads_back(tmp_path: Path) -> None:
    said = [Verdict("a", "accept", "R", "x,\ny", "m1", "t"), Verdict("a", "reject", "R", "", "m2")]
    (tmp_path / "v.csv").write_text(as_table(said))
    assert read_verdicts(tmp_path / "v.csv") == said
    assert standing(said, {"a": "m1"}) == {"a": said[0]}
    (tmp_path / "v.csv").write_text("id,word\n1,2\n")
    with pytest.raises(ImageRefusal):
        read_verdicts(tmp_path / "v.csv")
