"""`segmentation refine`: finished masks through a conditional random field and rules for connected pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from segmentation.assessment.named_regions import labels_held, parse_regions, single_labels
from segmentation.cli.answers import AsJson, Failures, answer, end, existing, failed, refusals, say
from segmentation.errors import ImageRefusal
from segmentation.images.case_files import CaseFiles, image_cases
from segmentation.images.reading import is_picture, read_mask
from segmentation.images.scans import read_scan
from segmentation.images.writing import mask_bytes
from segmentation.preparation.intensities import SCALES
from segmentation.refinement.postprocess import clean, on_whole_grid
from segmentation.refinement.settings import CrfSettings, Refinement, refinements_of
from segmentation.types import Mask

Images = Annotated[Path | None, typer.Option(help="folder of images of the same names; --crf needs them")]
Crf = Annotated[bool, typer.Option("--crf", help="a conditional random field with its default settings")]
Components = Annotated[
    list[str] | None, typer.Option(help="a rule such as region=tumor,most_pieces=1,least_ml=0.1; may be repeated")
]
Rules = Annotated[Path | None, typer.Option(help="YAML with the list `refine` of a plan, instead of the two")]
Regions = Annotated[str, typer.Option(help="names of labels: kidney=1,tumor=2 (default: named after themselves)")]
Intensity = Annotated[str, typer.Option(help=f"how the random field reads images: {', '.join(SCALES)}")]


@dataclass(frozen=True)
class _Work:
    """What is done to each mask."""

    refine: tuple[Refinement, ...]
    regions: Mapping[str, int]
    images: Mapping[str, CaseFiles]
    intensity: str

    def refined(self, path: Path, name: str) -> Mask:
        mask = on_whole_grid(read_mask(path, self.regions))
        for one in self.refine:
            if isinstance(one, CrfSettings):
                from segmentation.refinement.mask_field import refine_mask  # torch takes seconds to import

                mask = refine_mask(mask, read_scan(self.image(name).files), one, self.intensity)
        return clean(mask, self.refine)

    def image(self, name: str) -> CaseFiles:
        if name not in self.images:
            found, step = f"{len(self.images)} images, none named {name}", "name the folder of the images by --images"
            raise ImageRefusal("no_image", "A mask has no image.", expected="one", found=found, next_step=step)
        return self.images[name]


def refine(
    masks: Annotated[Path, typer.Argument(help="a mask, or a folder of masks")],
    out: Annotated[Path, typer.Option(help="folder for the refined masks, which keep their names")],
    images: Images = None,
    crf: Crf = False,
    components: Components = None,
    rules: Rules = None,
    regions: Regions = "",
    intensity: Intensity = "z_score",
    as_json: AsJson = False,
) -> None:
    """Refine finished masks, whoever made them. A damaged mask is named and left out; the others are done.

    Example: segmentation refine masks --images imagesTs --crf --components most_pieces=1 --out refined
    """
    existing(masks, "the masks")
    if intensity not in SCALES:
        raise typer.BadParameter(f"intensity must be one of {', '.join(SCALES)}, found {intensity}")
    failures: Failures = {}
    with refusals():
        cases = image_cases(masks, ("mask",))
        asked = _asked(crf, components or [], rules)
        named = _named(regions, cases)
        steps = refinements_of(asked, named)
        if not cases or not steps:
            step, found = "name masks, and --crf, --components or --rules", f"{len(cases)} masks, {len(steps)} steps"
            raise ImageRefusal("nothing_to_do", "Nothing to refine.", expected="both", found=found, next_step=step)
        work = _Work(steps, named, _by_name(images), intensity)
    for case in cases:
        try:
            _write(work.refined(case.files[0], case.name), case, out)
            say(f"{case.name}: done")
        except ImageRefusal as error:
            failures[case.name] = error
    document = {"cases": len(cases) - len(failures), "output": out.name, "failed": failed(failures)}
    answer(document, as_json=as_json)
    end(failures)


def _asked(crf: bool, components: list[str], rules: Path | None) -> list[Any]:
    if rules is None:
        return (["crf"] if crf else []) + [_rule(text) for text in components]
    try:
        content = yaml.safe_load(existing(rules, "the rules").read_text(encoding="utf-8"))
        return list(content["refine"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        expected, step = "refine: a list of steps", "write - name: crf or - name: components, with settings"
        raise ImageRefusal(
            "bad_refinement", f"{rules.name} cannot be read.", expected=expected, found=type(error).__name__,
            next_step=step,
        ) from error  # fmt: skip


def _rule(text: str) -> dict[str, Any]:
    """Settings as a user writes them; values are read as YAML reads them."""
    rule: dict[str, Any] = {"name": "components"}
    for part in text.split(","):
        name, _, value = part.partition("=")
        rule[name.strip()] = yaml.safe_load(value) if name.strip() not in ("region", "touching") else value.strip()
    return rule


def _named(regions: str, cases: list[CaseFiles]) -> dict[str, int]:
    given = {name: labels[0] for name, labels in parse_regions(regions).items()} if regions else {}
    held = single_labels(labels_held(case.files[0] for case in cases)) or {"1": 1}
    return {**{name: label for name, label in held.items() if label not in given.values()}, **given}


def _by_name(images: Path | None) -> dict[str, CaseFiles]:
    return {} if images is None else {one.name: one for one in image_cases(existing(images, "the images"), ("image",))}


def _write(mask: Mask, case: CaseFiles, out: Path) -> None:
    from segmentation.images.pictures import picture_mask_bytes
    from segmentation.learning.checkpoint import write_atomically  # torch takes seconds to import

    path = case.files[0]
    if is_picture(path):
        write_atomically(out / f"{case.name}.png", picture_mask_bytes(mask, path))
    else:
        write_atomically(out / f"{case.name}.nii.gz", mask_bytes(mask))
