"""Where the tumours of KiTS23 lie: what is measured, how long it takes, and whether it goes with the operation chosen.

    python -m benchmarks.placement $OUTCOME_REAL_DATA/kits23/dataset

Surgeons took the whole kidney or a part of it: the AUROC of a measure for the whole says whether it means what it says.
It is no prediction: surgeons knew the images.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from outcome.evaluation.discrimination.roc import auroc
from segmentation.images.reading import read_mask
from segmentation.radiomics.placement.catalogue import PLACEMENT_TAGS
from segmentation.radiomics.placement.measuring import placement_features
from segmentation.radiomics.placement.scene import Placement

REGIONS = {"kidney": 1, "tumor": 2, "cyst": 3}
ASKED = Placement("tumor", "kidney", ("cyst",))


def measured(folder: Path) -> tuple[pd.DataFrame, float]:
    """The features of every case, and the median processor seconds of a case without its reading."""
    rows, seconds = {}, []
    for path in sorted(folder.glob("case_*/segmentation.nii.gz")):
        mask = read_mask(path, REGIONS)
        start = time.process_time()
        rows[path.parent.name] = placement_features(mask, ASKED)[0]
        seconds.append(time.process_time() - start)
    return pd.DataFrame.from_dict(rows, orient="index"), float(np.median(seconds))


def table(features: pd.DataFrame, whole: pd.Series) -> str:
    """Markdown: a row a feature."""
    lines = ["| feature | cases | median | quartiles | AUROC for the whole kidney |", "|---|---|---|---|---|"]
    for tag in PLACEMENT_TAGS:
        known = features[tag].dropna()
        low, middle, high = known.quantile([0.25, 0.5, 0.75])
        area = auroc(whole[known.index].to_numpy(dtype=float), known.to_numpy())
        lines.append(f"| {tag} | {len(known)} | {middle:.2f} | {low:.2f} to {high:.2f} | {area:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    record = pd.DataFrame(json.loads((folder / "kits23.json").read_text(encoding="utf-8"))).set_index("case_id")
    features, seconds = measured(folder)
    print(table(features, record["surgical_procedure"] == "radical_nephrectomy"))
    print(f"{len(features)} cases, median {seconds:.2f} processor seconds a case after reading")


if __name__ == "__main__":
    main()
