"""How often were these very data evaluated in this store, and was the protocol fixed before the first look?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from outcome.ledger import Evaluated, Evaluations
from outcome.pipeline.evidence.scene import Scene
from outcome.pipeline.protocol import Protocol
from outcome.store import digest


@dataclass(frozen=True)
class History:
    """The look that is being taken: at which data, as the how many-th, after which others.

    `number` counts models: the same bundle on the same data again is the same look. `looked_before_protocol` is False
    where there is no protocol.
    """

    data_sha256: str
    number: int
    earlier: tuple[Evaluated, ...]
    looked_before_protocol: bool = False

    def to_json(self) -> dict[str, Any]:
        earlier = [{"bundle_id": e.bundle_id, "study": e.study, "partition": e.partition} for e in self.earlier]
        return {"data_sha256": self.data_sha256, "number": self.number, "earlier": earlier}


def cases_digest(endpoints: pd.DataFrame, ids: Sequence[str]) -> str:
    """The sha256 of some cases' ids and outcomes; their order and the name of their partition change nothing.

    `endpoints` is the cohort's long table (docs/store.md). Missing values are part of it.
    """
    rows = endpoints[endpoints["case_id"].isin(ids)].sort_values(["case_id", "endpoint"], kind="stable")
    content = "\n".join(sorted(ids)) + "\n\n" + rows[sorted(rows.columns)].to_csv(index=False)
    return hashlib.sha256(content.encode()).hexdigest()


def taken(scene: Scene, protocol: Protocol | None) -> History:
    """Note this look in the store's record, and say what came before it.

    Counted are the cases that no model was learned from; where there are none, the development cases.
    """
    digests = _digests(scene)
    relations = {name: part.relation for name, part in scene.run.study.partitions.items()}
    counted = {name: sha for name, sha in digests.items() if relations[name] != "development"} or digests
    with Evaluations.open(scene.run.store.root) as record:
        for name, sha in digests.items():
            record.record(Evaluated(sha, scene.bundle.id, scene.run.study.name, name))
        earlier = [look for sha in counted.values() for look in record.before(sha, scene.bundle.id)]
        early = protocol is not None and any(record.looked_before(sha, protocol.sha256) for sha in counted.values())
    models = {look.bundle_id for look in earlier}
    return History(digest(sorted(counted.values())), 1 + len(models), tuple(earlier), early)


def _digests(scene: Scene) -> Mapping[str, str]:
    """Each evaluated partition's cases and outcomes, hashed."""
    in_partition = scene.cases["partition"]
    found = {name: list(scene.cases.index[in_partition == name]) for name in scene.run.study.partitions}
    return {name: cases_digest(scene.endpoints, ids) for name, ids in found.items() if ids}
