"""Text and faces: what headers say, drawn letters, and bodies of a known size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from segmentation.deidentification import burned_in, faces
from segmentation.types import Volume


def header(**elements: object) -> Dataset:
    data = Dataset()
    for name, value in {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", **elements}.items():
        setattr(data, name, value)
    return data


@pytest.mark.parametrize(
    ("elements", "codes"),
    [
        ({}, []),
        ({"BurnedInAnnotation": "NO", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, []),
        ({"BurnedInAnnotation": "YES"}, ["burned_in_annotation"]),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, ["prone_to_burned_in_text"]),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, ["prone_to_burned_in_text"]),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.1"}, []),  # another class that begins alike
        ({"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, ["prone_to_burned_in_text"]),
        ({"ConversionType": "DF"}, ["prone_to_burned_in_text"]),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, ["prone_to_burned_in_text"]),
    ],
)
def test_what_headers_say_of_text(elements: dict[str, object], codes: list[str]) -> None:
    assert [flag.code for flag in burned_in.header_flags([header(), header(**elements)])] == codes


def plane(seed: int = 0, side: int = 128) -> np.ndarray:
    """A round body with noise."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, side)] * 2)
    body = np.where(x**2 + y**2 < 0.7, 40.0, -1000.0)
    return body + np.random.default_rng(seed).normal(0, 15, (side, side))


def lettered(image: np.ndarray, text: str, at: tuple[int, int]) -> np.ndarray:
    drawn = Image.new("1", image.shape[::-1])
    ImageDraw.Draw(drawn).text(at, text, font=ImageFont.load_default(), fill=1)
    return np.where(np.array(drawn), 3071.0, image)


@pytest.mark.parametrize("at", [(2, 2), (86, 2), (2, 112), (86, 112)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_letters_in_a_corner_are_seen_along_any_axis(at: tuple[int, int], axis: int) -> None:
    clean = np.stack([plane(seed) for seed in range(5)])
    text = np.stack([lettered(one, "DOE J", at) for one in clean])
    assert burned_in.pixel_flags(np.moveaxis(clean, 0, axis)) == []
    assert [flag.code for flag in burned_in.pixel_flags(np.moveaxis(text, 0, axis))] == ["text_like_corner"]


def test_noise_edges_and_empty_images_are_no_letters() -> None:
    noise = np.random.default_rng(1).integers(0, 4096, (64, 64, 4))
    edge = np.zeros((96, 96, 3))
    edge[:30] = 1000  # a table in the image: one piece
    for image in (noise, edge, np.zeros((64, 64, 3))):
        assert burned_in.pixel_flags(image) == []


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({"BodyPartExamined": "HEAD"}, True), ({"BodyPartExamined": "BRAIN", "Modality": "MR"}, True),
        ({"SeriesDescription": "t1 mprage Schaedel/skull"}, True), ({"BodyPartExamined": "ABDOMEN"}, False),
        ({"BodyPartExamined": "HEAD", "Modality": "US"}, False), ({}, False),
    ],
)  # fmt: skip
def test_what_headers_say_of_heads(elements: dict[str, object], found: bool) -> None:
    assert bool(faces.header_flags([header(**elements)])) == found


def body(width_mm: float, length_mm: float, height_mm: float, spacing: float = 5.0, axes: str = "RAS") -> Volume:
    """A body of elliptic planes in a field twice as wide, in HU."""
    counts = [int(2 * width_mm / spacing), int(2 * length_mm / spacing), int(height_mm / spacing)]
    x, y, _ = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * spacing for n in counts], indexing="ij")
    array = np.where((x / width_mm) ** 2 + (y / length_mm) ** 2 < 0.25, 40, -1000).astype(np.int16)
    affine = np.diag((spacing, spacing, spacing, 1.0))
    if axes == "SRA":
        array, affine = np.ascontiguousarray(array.transpose(2, 0, 1)), affine[:, [2, 0, 1, 3]]
    return Volume(array, affine, "")


@pytest.mark.parametrize("axes", ["RAS", "SRA"])
def test_a_body_as_wide_and_long_as_a_head_is_flagged(axes: str) -> None:
    assert [flag.code for flag in faces.volume_flags(body(150, 190, 120, axes=axes))] == ["head_like"]
    assert faces.volume_flags(body(340, 240, 120, axes=axes)) == []  # an adult's belly
    assert faces.volume_flags(body(60, 70, 120, axes=axes)) == []  # an arm
    assert faces.volume_flags(body(150, 190, 40, axes=axes)) == []  # too flat for a face


def test_numbers_without_unit_are_told_from_air_too() -> None:
    head = body(150, 190, 120)
    magnetic = Volume((head.array + 1000).astype(np.int16), head.affine, "MR")
    assert [flag.code for flag in faces.volume_flags(magnetic)] == ["head_like"]
