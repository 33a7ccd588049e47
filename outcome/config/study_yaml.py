"""YAML as a study file means it: safe, every key once, and only `true` and `false` are yes/no.

Plain YAML 1.1 reads the key `on` as true and the code `no` as false, and silently keeps the last of two equal keys.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_BOOLEAN_TAG = "tag:yaml.org,2002:bool"


class StudyLoader(yaml.SafeLoader):
    """Safe YAML with the booleans of YAML 1.2; a key written twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"key written twice: {', '.join(twice)}", node.start_mark
            )
        return super().construct_mapping(node, deep)


StudyLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN_TAG]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StudyLoader.add_implicit_resolver(_BOOLEAN_TAG, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
