"""MetaImage files are read as SimpleITK means them, and refused before it would fill in what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from segmentation.errors import ImageRefusal
from segmentation.images.metaimage import read_meta_header, read_meta_image, read_meta_mask
from segmentation.images.reading import read_header, read_mask


def _image(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-10.5, 20.25, 3.0))
    image.SetDirection(Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix().ravel().tolist())
    return image


@pytest.mark.parametrize(("name", "packed"), [("a.mhd", False), ("a.mha", False), ("b.mha", True)])
def test_voxels_lie_where_simpleitk_puts_them(tmp_path: Path, name: str, packed: bool) -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    image = _image(array)
    sitk.WriteImage(image, str(tmp_path / name), packed)
    (volume,) = read_meta_image(tmp_path / name)
    np.testing.assert_array_equal(volume.array, array.T)
    for index in ((0, 0, 0), (4, 3, 2), (1, 0, 2)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((volume.affine @ [*index, 1])[:3], (-x, -y, z), atol=1e-4)
    assert read_header(tmp_path / name).grid.shape == (5, 4, 3)


def test_masks_keep_their_labels(tmp_path: Path) -> None:
    labels = np.zeros((3, 4, 5), dtype=np.uint8)
    labels[1, 2, 3], labels[2, 2, 2] = 3, 5
    sitk.WriteImage(_image(labels), str(tmp_path / "m.mhd"))
    mask = read_mask(tmp_path / "m.mhd", {"lung": 3})
    assert (mask.offset, dict(mask.unnamed)) == ((3, 2, 1), {5: 1})
    sitk.WriteImage(_image(labels.astype(np.float32) / 2), str(tmp_path / "f.mhd"))
    with pytest.raises(ImageRefusal) as refused:
        read_meta_mask(tmp_path / "f.mhd", {"lung": 3})
    assert refused.value.code == "mask_not_integer"


def test_what_is_short_or_no_metaimage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mhd"
    sitk.WriteImage(_image(np.zeros((3, 4, 5), dtype=np.int16)), str(path))
    text = path.read_text()
    codes = {
        "truncated": text.replace("5 4 3", "5 4 4"),
        "missing_file": text.replace("a.raw", "b.raw"),
        "not_3d": text.replace("5 4 3", "5 4"),
        "bad_datatype": text.replace("MET_SHORT", "MET_OTHER"),
        "not_metaimage": "NDims = 3\n",
        "bad_spacing": re.sub("ElementSpacing = .*", "ElementSpacing = 0 1 1", text),
    }
    for code, content in codes.items():
        path.write_text(content)
        with pytest.raises(ImageRefusal) as refused:
            read_meta_header(path)
        assert refused.value.code == code
    with pytest.raises(ImageRefusal, match="missing"):
        read_meta_header(tmp_path / "none.mhd")
