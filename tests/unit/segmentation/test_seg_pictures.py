"""Pictures as images of one slice: what is turned, what is dropped, what is refused, and masks that come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

from segmentation.errors import ImageRefusal
from segmentation.images.grids import grid_differences
from segmentation.images.pictures import picture_mask_bytes, read_picture, read_picture_header, read_picture_mask
from segmentation.images.reading import has_size, read_header, read_image, read_mask
from segmentation.images.scans import channel_count, read_scan
from segmentation.preparation.preprocess import upright
from segmentation.types import Mask

COLOURS = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
SHAPES = np.array([[0, 0, 1, 1], [0, 2, 2, 0], [0, 0, 0, 0]], dtype=np.uint8)


def _save(path: Path, array: np.ndarray, orientation: int = 1, **options: object) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(array).save(path, exif=exif, **options)
    return path


def _code(act: Callable[[], object]) -> str:
    with pytest.raises(ImageRefusal) as refused:
        act()
    assert refused.value.next_step
    return refused.value.code


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_lies_as_a_viewer_shows_it(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = _save(tmp_path / f"a.{suffix}", COLOURS, orientation)
    with Image.open(path) as image:
        shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    channels = read_picture(path)
    assert len(channels) == channel_count([path]) == 3
    for number, channel in enumerate(channels):
        np.testing.assert_array_equal(channel.array[:, :, 0].T, COLOURS[..., number])
        as_seen = upright(channel.array, channel.grid)[::-1, ::-1, 0].T  # right and anterior to columns and rows
        np.testing.assert_array_equal(as_seen, shown[..., number])
    header = read_header(path, many=True)
    assert not grid_differences(header.grid, channels[0].grid)
    corners = header.grid.affine @ np.array([[0, 6, 0, 6], [0, 0, 4, 4], [0, 0, 0, 0], [1, 1, 1, 1]])
    assert corners[:2].max(axis=1).tolist() == [0, 0]


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "RGBA", "LA"])
def test_every_kind_of_eight_bit_picture_is_grey_or_red_green_blue(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    image.save(tmp_path / "a.png")
    channels = read_picture(tmp_path / "a.png")
    grey = mode in ("L", "LA", "1")
    assert len(channels) == (1 if grey else 3)
    expected = np.asarray(image.convert("L" if grey else "RGB")).reshape(5, 7, -1)
    found = np.stack([channel.array[:, :, 0].T for channel in channels], axis=-1)
    np.testing.assert_array_equal(found, expected // 255 if mode == "1" else expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    grey = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1001
    _save(tmp_path / f"grey.{suffix}", grey)
    (one,) = read_picture(tmp_path / f"grey.{suffix}")
    np.testing.assert_array_equal(one.array[:, :, 0].T, grey)
    colour = np.stack([grey, grey + 1, grey + 2], axis=-1)
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(tmp_path / f"colour.{suffix}"))
    found = np.stack([c.array[:, :, 0].T for c in read_picture(tmp_path / f"colour.{suffix}")], axis=-1)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, colour)


def test_a_grey_palette_is_one_channel_and_a_masks_palette_is_its_labels(tmp_path: Path) -> None:
    image = Image.fromarray(SHAPES).convert("P")
    image.putpalette([0, 0, 0, 200, 200, 200, 90, 90, 90])
    image.save(tmp_path / "grey.png")
    (one,) = read_picture(tmp_path / "grey.png")
    assert set(np.unique(one.array)) == {0, 90, 200}
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", {"a": 1, "b": 2})
    assert [(mask.labels == label).sum() for label in (1, 2)] == [2, 2]


def test_what_is_no_single_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [Image.fromarray(COLOURS), Image.fromarray(COLOURS[::-1])]
    for name in ("a.tif", "b.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        assert _code(lambda name=name: read_scan([tmp_path / name])) == "many_pages"
    whole = _save(tmp_path / "c.png", np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).read_bytes()
    (tmp_path / "c.png").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint sets it
    assert _code(lambda: read_scan([tmp_path / "c.png"])) == "damaged"
    (tmp_path / "d.png").write_bytes(b"no picture")
    assert _code(lambda: read_scan([tmp_path / "d.png"])) == "unreadable"
    assert _code(lambda: read_scan([tmp_path / "none.png"])) == "missing_file"
    Image.fromarray(COLOURS).convert("CMYK").save(tmp_path / "e.tif")
    assert _code(lambda: read_scan([tmp_path / "e.tif"])) == "bad_colour"
    assert _code(lambda: read_image(_save(tmp_path / "f.png", COLOURS))) == "several_channels"
    assert _code(lambda: read_header(_save(tmp_path / "g.png", COLOURS), many=True, max_voxels=34)) == "too_large"


def test_white_alone_is_one_and_other_values_are_labels(tmp_path: Path) -> None:
    for values, expected in (([0, 255], [0, 1]), ([0, 1], [0, 1]), ([255, 255], [1, 1]), ([0, 7], [0, 7])):
        path = _save(tmp_path / "m.png", np.array([values], dtype=np.uint8))
        regions = {"a": max(expected)}
        mask = read_mask(path, regions)
        assert mask.labels.max() == max(expected)
        assert int((mask.labels > 0).sum()) == sum(n > 0 for n in expected)
        assert mask.source is not None
        assert mask.source.shape == (2, 1, 1)
    assert read_mask(_save(tmp_path / "w.png", np.array([[0, 65535]], dtype=np.uint16)), {"a": 1}).labels.max() == 1
    assert dict(read_mask(_save(tmp_path / "u.png", SHAPES), {"a": 1}).unnamed) == {2: 2}


def test_smoothed_lossy_and_coloured_masks_are_refused(tmp_path: Path) -> None:
    disc = np.hypot(*(np.indices((40, 40)) - 20)) < 12
    smooth = np.asarray(Image.fromarray((disc * 255).astype(np.uint8)).resize((60, 60), Image.Resampling.BILINEAR))
    assert _code(lambda: read_mask(_save(tmp_path / "s.png", smooth), {"a": 1})) == "grey_mask"
    lossy = _save(tmp_path / "l.jpg", (disc * 255).astype(np.uint8))
    assert _code(lambda: read_mask(lossy, {"a": 1})) == "lossy_mask"
    lossy.rename(tmp_path / "l.png")  # the name does not help
    assert _code(lambda: read_mask(tmp_path / "l.png", {"a": 1})) == "lossy_mask"
    assert _code(lambda: read_mask(_save(tmp_path / "c.png", COLOURS), {"a": 1})) == "colour_mask"
    grey = np.repeat(SHAPES[..., None], 3, axis=2)
    assert read_mask(_save(tmp_path / "g.png", grey), {"a": 1}).labels.sum() == 2
    floats = _save(tmp_path / "f.tif", disc.astype(np.float32))
    assert _code(lambda: read_mask(floats, {"a": 1})) == "mask_not_integer"


def test_the_pixel_size_is_believed_only_where_it_is_one(tmp_path: Path) -> None:
    grey = COLOURS[..., 0]
    for name, options, expected in (
        ("none.png", {}, None),
        ("printed.png", {"dpi": (300, 300)}, None),
        ("screen.jpg", {"dpi": (72, 72)}, None),
        ("inch.tif", {"resolution": 500, "resolution_unit": "inch"}, None),
        ("cm.tif", {"resolution": 50, "resolution_unit": "cm"}, 0.2),
        ("metre.png", {"dpi": (127, 127)}, 0.2),
    ):
        path = _save(tmp_path / name, grey, **options)
        header = read_picture_header(path)
        assert header.sized is (expected is not None), name
        assert has_size(path) is header.sized
        assert header.grid.spacing_mm[:2] == pytest.approx((expected or 1.0,) * 2, rel=1e-4), name


def test_a_table_beside_the_pictures_gives_their_pixel_sizes(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    path = _save(tmp_path / "images" / "000_HC.png", COLOURS[..., 0])
    mask = _save(tmp_path / "000_HC_Annotation.png", SHAPES)
    table = tmp_path / "set_pixel_size_and_HC.csv"
    table.write_text("filename,pixel size(mm),head circumference (mm)\n000_HC.png,0.0691358,44.3\n")
    for one in (path, mask):
        assert read_picture_header(one).grid.spacing_mm[0] == pytest.approx(0.0691358, rel=1e-6)
    table.write_text("filename,pixel_size_mm\n000_HC.png,-1\n")
    assert _code(lambda: read_header(path)) == "bad_pixel_table"


@settings(max_examples=40, deadline=None)
@given(
    orientation=st.integers(1, 8),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    labels=st.sampled_from([(1,), (1, 2), (3, 254), (1, 300), (255,)]),
    pixel=st.sampled_from([None, 0.0691358, 0.31]),
    seed=st.integers(0, 99),
)
def test_a_mask_comes_back_as_it_went_and_lies_on_its_picture(
    tmp_path_factory: pytest.TempPathFactory,
    orientation: int,
    size: tuple[int, int],
    labels: tuple[int, ...],
    pixel: float | None,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("back")
    about = PngImagePlugin.PngInfo()
    if pixel:
        about.add_text("pixel_size_mm", f"{pixel} {pixel}")
    image = _save(folder / "i.png", np.zeros(size, dtype=np.uint8), orientation, pnginfo=about)
    grid = read_picture_header(image).grid
    drawn = np.random.default_rng(seed).choice([0, *labels], size=grid.shape).astype(np.uint16)
    mask = Mask(drawn, grid.affine, {str(label): label for label in labels})
    content = picture_mask_bytes(mask, image)
    assert content == picture_mask_bytes(mask, image)
    (folder / "m.png").write_bytes(content)
    with Image.open(folder / "m.png") as stored, Image.open(image) as original:
        assert stored.size == original.size
    again = read_picture_mask(folder / "m.png", mask.regions)
    assert again.source is not None
    np.testing.assert_array_equal(again.source.affine, grid.affine)
    whole = np.zeros(grid.shape, dtype=np.uint16)
    whole[tuple(slice(o, o + n) for o, n in zip(again.offset, again.labels.shape, strict=True))] = again.labels
    np.testing.assert_array_equal(whole, drawn)


def test_a_mask_of_another_turn_or_size_does_not_lie_on_its_picture(tmp_path: Path) -> None:
    square = np.zeros((4, 4), dtype=np.uint8)
    square[0, 0] = 1
    image = _save(tmp_path / "i.png", square, 6)
    mask = read_mask(_save(tmp_path / "m.png", square), {"a": 1})
    assert mask.source is not None
    assert any("direction" in words for words in grid_differences(mask.source, read_header(image).grid))
    assert _code(lambda: picture_mask_bytes(Mask(square[:, :, None], np.eye(4), {"a": 1}), image)) == "grid_mismatch"
