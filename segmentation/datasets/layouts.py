"""Which layout does a folder have, and what is in it? Every reader by name."""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets.brats import holds_brats, read_brats
from segmentation.datasets.dataset import Dataset, Layout, no_layout
from segmentation.datasets.decathlon import holds_decathlon, read_decathlon
from segmentation.datasets.dsb2018 import holds_dsb2018, read_dsb2018
from segmentation.datasets.folders import holds_folders, read_folders
from segmentation.datasets.hc18 import holds_hc18, read_hc18
from segmentation.datasets.ircad import holds_ircad, read_ircad
from segmentation.datasets.isic import holds_isic, read_isic
from segmentation.datasets.kits import holds_kits, read_kits
from segmentation.datasets.lgg import holds_lgg, holds_lgg_slices, read_lgg, read_lgg_slices
from segmentation.datasets.lidc import holds_lidc, read_lidc
from segmentation.datasets.lits import holds_lits, read_lits
from segmentation.datasets.luna import holds_luna, read_luna
from segmentation.errors import ImageRefusal


def recognise(folder: Path) -> list[str]:
    """The layouts that a folder has; a general one only where no other fits."""
    found = [name for name, layout in LAYOUTS.items() if not layout.general and layout.holds(folder)]
    return found or [name for name, layout in LAYOUTS.items() if layout.general and layout.holds(folder)]


def read_dataset(folder: Path, layout: str = "") -> Dataset:
    """The cases of a folder in its layout, recognised or named. Only names are read: no voxel, and nothing is written.

    Raises ImageRefusal: `no_layout`, `several_layouts`, `unknown_layout`, and what the layout's reader raises.
    """
    if layout and layout not in LAYOUTS:
        expected = f"one of {', '.join(LAYOUTS)}"
        raise ImageRefusal(
            "unknown_layout", "There is no such layout.", expected=expected, found=layout,
            next_step="`segmentation datasets` lists them",
        )  # fmt: skip
    found = [layout] if layout else recognise(folder)
    if not found or not LAYOUTS[found[0]].holds(folder):
        expected = LAYOUTS[layout].words if layout else f"a layout of {', '.join(LAYOUTS)}"
        raise no_layout(folder, expected, "other names")
    if len(found) > 1:
        raise ImageRefusal(
            "several_layouts", f"{folder.name} can be read in several ways.", expected="one layout",
            found=", ".join(found), next_step=f"name one: --layout {found[0]}",
        )  # fmt: skip
    return LAYOUTS[found[0]].read(folder)


LAYOUTS = {
    "decathlon": Layout("imagesTr and labelsTr with equal names", holds_decathlon, read_decathlon),
    "brats": Layout("<id>/<id>_flair, _t1, _t1ce, _t2, _seg; or -t2f, -t1n, -t1c, -t2w, -seg", holds_brats, read_brats),
    "dsb2018": Layout("stage1_train/<id>/images and masks, a PNG a nucleus", holds_dsb2018, read_dsb2018),
    "hc18": Layout("<subject>_HC.png and _Annotation.png, or in images and masks", holds_hc18, read_hc18),
    "ircad": Layout("<patient>/PATIENT_DICOM and MASKS_DICOM/<structure>", holds_ircad, read_ircad),
    "isic": Layout("<id>.jpg and <id>_segmentation.png", holds_isic, read_isic),
    "kits": Layout("case_<n>/imaging.nii.gz and segmentation.nii.gz", holds_kits, read_kits),
    "lgg": Layout("<patient>/flair.nii.gz, mask.nii.gz, perhaps post.nii.gz", holds_lgg, read_lgg),
    "lgg_slices": Layout("<patient>/TCGA_*_<n>.tif and TCGA_*_<n>_mask.tif", holds_lgg_slices, read_lgg_slices),
    "lidc": Layout("images and votes, grey values of a vote are readers", holds_lidc, read_lidc),
    "lits": Layout("volume-<n>.nii and segmentation-<n>.nii", holds_lits, read_lits),
    "luna16": Layout("subset<n>/<uid>.mhd, seg-lungs-LUNA16 or annotations.csv", holds_luna, read_luna),
    "folders": Layout("images and masks with equal names", holds_folders, read_folders, general=True),
}
