"""The list of what can be trained holds the whole registry."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from segmentation.classical import METHODS
from segmentation.cli import app
from segmentation.networks import NETWORKS


def test_every_network_and_method_is_listed_with_its_options() -> None:
    found = json.loads(CliRunner().invoke(app, ["networks", "--json"]).stdout)
    assert {name: facts["dimensions"] for name, facts in found["networks"].items()} == {
        name: family.dimensions for name, family in NETWORKS.items()
    }
    assert found["networks"]["unet_3d"]["options"]["skips"] is True
    assert list(found["methods"]) == list(METHODS)
    lines = CliRunner().invoke(app, ["networks"]).stdout.splitlines()
    assert [line.partition("\t")[0] for line in lines] == [*NETWORKS, *METHODS]
