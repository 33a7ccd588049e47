"""`outcome validate` and `outcome predict`: another study's cases, every setting from the bundle, nothing fitted.

The study file says where the data lie (root, table, identifiers, file patterns, label numbers, partitions); endpoints,
inclusion, dictionary, recipe and thresholds are the bundle's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcome.bundle import read_bundle, write_bundle
from outcome.config import Study, study_from_resolved
from outcome.errors import BundleRefusal, ConfigRefusal
from outcome.pipeline.stage import Run

_FROM_BUNDLE = ("procedure", "endpoints", "inclusion", "subgroups", "comparator", "training", "radiomics", "index_time")
_EXTERNAL = "external"


def apply_bundle(
    bundle: Path, study: Study, out: Path, partition: str | None = None, *, outcomes_needed: bool = True
) -> Study:
    """The study as the bundle defines it, on this study's data.

    Raises BundleRefusal where the bundle is damaged or needs regions this study has not, ConfigRefusal for an unknown
    partition.
    """
    read = read_bundle(bundle)
    defined = study_from_resolved(read.json("config.json"))
    _refuse_other_procedure(defined, study)
    changes: dict[str, Any] = {name: getattr(defined, name) for name in _FROM_BUNDLE}
    changes["partitions"] = _partitions(study, partition)
    if not outcomes_needed:
        changes["endpoints"] = {}
    changes["mask"] = _mask(defined, study)
    return study.model_copy(update=changes)


def _refuse_other_procedure(defined: Study, study: Study) -> None:
    if defined.procedure and study.procedure and defined.procedure != study.procedure:
        raise BundleRefusal(
            "the bundle was made for another procedure",
            expected=defined.procedure,
            found=study.procedure,
            next_step="use a bundle for this procedure, or correct `procedure` in the study file",
        )


def _partitions(study: Study, partition: str | None) -> dict[str, Any]:
    """The study's partitions; none of them is development here, for nothing is learned from any."""
    if partition is not None and partition not in study.partitions:
        raise ConfigRefusal(
            f"the study has no partition {partition!r}",
            expected=", ".join(study.partitions),
            next_step="check --partition",
        )
    return {
        name: part if part.relation != "development" else part.model_copy(update={"relation": _EXTERNAL})
        for name, part in study.partitions.items()
        if partition in (None, name)
    }


def _mask(defined: Study, study: Study) -> Any:
    """This study's masks with the regions the bundle measures; label numbers may differ, names may not."""
    if defined.mask is None or study.mask is None:
        return None
    absent = sorted(set(defined.mask.regions) - set(study.mask.regions))
    if absent:
        raise BundleRefusal(
            "the bundle measures regions this study's masks do not name",
            expected=", ".join(sorted(defined.mask.regions)),
            found=", ".join(sorted(study.mask.regions)),
            next_step=f"name {', '.join(absent)} with its label number under mask.regions",
        )
    regions = {name: study.mask.regions[name] for name in defined.mask.regions}
    return study.mask.model_copy(update={"regions": regions})


def adopt_bundle(run: Run, bundle: Path) -> None:
    """Copy a verified bundle into the study's store, so that the dashboard finds model and predictions together."""
    read = read_bundle(bundle)
    if bundle.resolve() != run.store.bundle.resolve():
        write_bundle(run.store.bundle, read.files, read.facts)
