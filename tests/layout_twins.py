"""A tiny folder in every published layout: what its reader must find there is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image

from segmentation.images.writing import write_image, write_mask
from segmentation.types import Mask, Volume

SIZE = (6, 5, 4)
COLOUR = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Twin:
    """What stands in the folder: cases, patients, regions, channels, and label counts of the first case's mask."""

    cases: int
    patients: int
    regions: dict[str, int]
    channels: int
    counts: dict[int, int]


def picture(path: Path, array: np.ndarray = COLOUR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def spot(*pixels: tuple[int, int], value: int = 255) -> np.ndarray:
    """A mask picture with these rows and columns drawn."""
    array = np.zeros(COLOUR.shape[:2], dtype=np.uint8)
    for row, column in pixels:
        array[row, column] = value
    return array


def volume(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)
    write_image(Volume(array, np.diag([1.0, 1, 2, 1])), path)
    return path


def labels(path: Path, *values: int) -> Path:
    """A mask with one voxel of each value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(SIZE, dtype=np.uint8)
    array[: len(values), 2, 1] = values
    write_mask(Mask(array, np.diag([1.0, 1, 2, 1]), {str(value): value for value in values}), path)
    return path


def _meta(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 2.0))
    image.SetOrigin((-5.0, 10.0, 100.0))
    sitk.WriteImage(image, str(path))
    return path


def dicom(folder: Path, array: np.ndarray, uid: str, step: float = 2.0) -> Path:
    """A series of axial slices, (K, J, I), as files without an ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, plane in enumerate(array):
        image = sitk.GetImageFromArray(plane[None].astype(np.int16))
        place = f"0\\0\\{number * step}"
        tags = {
            "0008|0060": "CT", "0020|000e": f"1.2.3.{uid}", "0020|000d": "1.2.4", "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0032": place, "0020|0013": str(number), "0008|0018": f"1.2.5.{uid}.{number}", "0020|0052": "1.2.6",
        }  # fmt: skip
        image.SetSpacing((0.5, 0.5, step))
        image.SetOrigin((0.0, 0.0, number * step))
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"image_{number}.dcm"))
        writer.Execute(image)
        (folder / f"image_{number}.dcm").rename(folder / f"image_{number}")
    return folder


def _decathlon(folder: Path) -> Twin:
    for name in ("a", "b"):
        volume(folder / "imagesTr" / f"{name}.nii.gz")
        labels(folder / "labelsTr" / f"{name}.nii.gz", 1, 2)
    (folder / "dataset.json").write_text('{"labels": {"0": "none", "1": "A", "2": "B"}, "modality": {"0": "MRI"}}')
    return Twin(2, 2, {"a": 1, "b": 2}, 1, {1: 1, 2: 1})


def _brats(folder: Path) -> Twin:
    for name in ("BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS-GLI-00002-000"):
        for number, ending in enumerate(("t2f", "t1n", "t1c", "t2w")):
            volume(folder / name / f"{name}-{ending}.nii.gz", number)
        labels(folder / name / f"{name}-seg.nii.gz", 1, 2, 3)
    return Twin(3, 2, {"necrotic_core": 1, "oedema": 2, "enhancing": 3}, 4, {1: 1, 2: 1, 3: 1})


def _dsb2018(folder: Path) -> Twin:
    for name in ("aa", "bb"):
        at = folder / "stage1_train" / name
        picture(at / "images" / f"{name}.png", np.dstack([COLOUR, np.full(COLOUR.shape[:2], 255, dtype=np.uint8)]))
        picture(at / "masks" / "1.png", spot((0, 0), (0, 1)))
        picture(at / "masks" / "2.png", spot((5, 5), (0, 1)))
    return Twin(2, 2, {"nucleus": 1}, 3, {1: 3})


def _hc18(folder: Path) -> Twin:
    ring = np.zeros(COLOUR.shape[:2], dtype=np.uint8)
    ring[1:6, 1:6] = 255
    ring[2:5, 2:5] = 0
    for name in ("000_HC", "001_HC", "001_2HC"):
        picture(folder / "training_set" / f"{name}.png", COLOUR[..., 0])
        picture(folder / "training_set" / f"{name}_Annotation.png", ring)
    rows = "".join(f"{name}.png,0.1,40\n" for name in ("000_HC", "001_HC", "001_2HC"))
    (folder / "training_set_pixel_size_and_HC.csv").write_text(f"filename,pixel size(mm),head circumference\n{rows}")
    return Twin(3, 2, {"head": 1}, 1, {1: 25})


def _ircad(folder: Path) -> Twin:
    for number, name in enumerate(("3Dircadb1.1", "3Dircadb1.2")):
        array = np.random.default_rng(number).integers(-100, 100, (4, 4, 5))
        dicom(folder / name / "PATIENT_DICOM", array, f"{number}1")
        liver, tumour = np.zeros_like(array), np.zeros_like(array)
        liver[1, 1, :3], tumour[1, 1, 2] = 255, 255
        dicom(folder / name / "MASKS_DICOM" / "liver", liver, f"{number}2")
        dicom(folder / name / "MASKS_DICOM" / "livertumor01", tumour, f"{number}3")
        dicom(folder / name / "MASKS_DICOM" / "bone", tumour, f"{number}4")
    return Twin(2, 2, {"liver": 1, "tumour": 2}, 1, {1: 2, 2: 1})


def _isic(folder: Path) -> Twin:
    for part, name in (("Training", "ISIC_0000001"), ("Test", "ISIC_0000002")):
        picture(folder / f"ISIC2018_Task1-2_{part}_Input" / f"{name}.jpg")
        picture(folder / f"ISIC2018_Task1_{part}_GroundTruth" / f"{name}_segmentation.png", spot((1, 1), (1, 2)))
    return Twin(2, 2, {"lesion": 1}, 3, {1: 2})


def _kits(folder: Path) -> Twin:
    for name in ("case_00000", "case_00001"):
        volume(folder / "dataset" / name / "imaging.nii.gz")
        labels(folder / "dataset" / name / "segmentation.nii.gz", 1, 2, 3)
    return Twin(2, 2, {"kidney": 1, "tumour": 2, "cyst": 3}, 1, {1: 1, 2: 1, 3: 1})


def _lgg(folder: Path) -> Twin:
    for name in ("TCGA-CS-4941", "TCGA-DU-5849"):
        volume(folder / name / "flair.nii.gz")
        labels(folder / name / "mask.nii.gz", 1)
    volume(folder / "TCGA-CS-4941" / "post.nii.gz")
    return Twin(2, 2, {"tumour": 1}, 1, {1: 1})


def _lgg_slices(folder: Path) -> Twin:
    for name in ("TCGA_CS_4941_19960909", "TCGA_DU_5849_19950405"):
        for number in (1, 2):
            picture(folder / name / f"{name}_{number}.tif")
            picture(folder / name / f"{name}_{number}_mask.tif", spot((2, 2)))
    return Twin(4, 2, {"tumour": 1}, 3, {1: 1})


def _lidc(folder: Path) -> Twin:
    for name in ("LIDC-IDRI-0001_nodule-0_s1", "LIDC-IDRI-0001_nodule-1_s1", "LIDC-IDRI-0002_nodule-0_s3"):
        picture(folder / "images" / f"{name}.png", COLOUR[..., 0])
        votes = spot()
        votes[3, 1:6] = [1, 2, 3, 4, 1]
        picture(folder / "votes" / f"{name}.png", votes)
    return Twin(3, 2, {"nodule": 1}, 1, {1: 3})


def _lits(folder: Path) -> Twin:
    for number in (0, 10):
        volume(folder / f"volume-{number}.nii")
        labels(folder / f"segmentation-{number}.nii", 1, 2)
    return Twin(2, 2, {"liver": 1, "tumour": 2}, 1, {1: 1, 2: 1})


def _luna(folder: Path) -> Twin:
    for number, name in enumerate(("1.3.6.1", "1.3.6.2")):
        array = np.random.default_rng(number).integers(-1000, 100, (4, 5, 6)).astype(np.int16)
        lungs = np.zeros((4, 5, 6), dtype=np.uint8)
        lungs[1, 2, :3] = [3, 4, 5]
        _meta(folder / f"subset{number}" / f"{name}.mhd", array)
        _meta(folder / "seg-lungs-LUNA16" / f"{name}.mhd", lungs)
    text = "seriesuid,coordX,coordY,coordZ,diameter_mm\n1.3.6.1,-3,12,104,2.2\n"
    (folder / "annotations.csv").write_text(text)
    return Twin(2, 2, {"lung_3": 3, "lung_4": 4, "trachea": 5}, 1, {3: 1, 4: 1, 5: 1})


def _folders(folder: Path) -> Twin:
    for name in ("a", "b"):
        picture(folder / "images" / f"{name}.png")
        picture(folder / "masks" / f"{name}_mask.png", spot((1, 1), value=1) + spot((2, 2), value=2))
    return Twin(2, 2, {}, 3, {1: 1, 2: 1})


TWINS: dict[str, Callable[[Path], Twin]] = {
    "decathlon": _decathlon,
    "brats": _brats,
    "dsb2018": _dsb2018,
    "hc18": _hc18,
    "ircad": _ircad,
    "isic": _isic,
    "kits": _kits,
    "lgg": _lgg,
    "lgg_slices": _lgg_slices,
    "lidc": _lidc,
    "lits": _lits,
    "luna16": _luna,
    "folders": _folders,
}
