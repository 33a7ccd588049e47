"""The options that commands share, written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="the study file", show_default=False)]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="the bundle's folder", show_default=False)]
StoreFolder = Annotated[Path, typer.Option("--store", metavar="DIR", help="where artefacts are kept")]
OutStore = Annotated[Path, typer.Option("--out", metavar="STORE", help="where artefacts are kept")]
OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="the folder to write")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="a.b=c", help="override a setting of the study file (repeatable)")
]
PartitionName = Annotated[
    str | None, typer.Option("--partition", metavar="NAME", help="only this partition of the study's cases")
]
HarmoniseWith = Annotated[
    int,
    typer.Option("--harmonise-with", min=0, metavar="N", help="a site that the harmonisation does not know enters by "
                 "its first N measured cases, without outcomes; 0: it is taken at no shift"),
]  # fmt: skip
Outlines = Annotated[
    int,
    typer.Option("--outlines", min=0, max=1000, metavar="N", help="measure each case by N other outlines and write how "
                 "far its risks move (outlines.parquet); 0: not"),
]  # fmt: skip
ProtocolFile = Annotated[
    Path | None,
    typer.Option("--protocol", metavar="FILE", help="what `outcome protocol` fixed beforehand; deviations are listed"),
]
TrustedKeys = Annotated[
    list[Path] | None,
    typer.Option("--trusted", metavar="KEY", help="a public key (PEM): the bundle must be signed by one of those given "
                 "(repeatable); without any, nothing is asked"),
]  # fmt: skip
WorkerCount = Annotated[int, typer.Option("--workers", metavar="N", help="local worker processes")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="a Dask cluster instead of local workers")
]
CaseTimeout = Annotated[
    float | None,
    typer.Option("--case-timeout", metavar="SECONDS", help="a case that takes longer fails, with its worker process; "
                 "training has no limit"),
]  # fmt: skip
Device = Annotated[str, typer.Option("--device", help="where networks compute: auto, cpu or cuda")]
Processes = Annotated[
    int, typer.Option("--processes", metavar="N", help="local processes that train one network together")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="S", help="overrides training.seed of the study file")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout and nothing else")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress on stderr")]

DEFAULT_STORE = Path("store")
