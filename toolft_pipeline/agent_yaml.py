"""Parse the YAML of an agent file.

Invariant: nothing is dropped and nothing is reinterpreted. A duplicate key is an error (plain YAML keeps the last one),
and a date stays text (plain YAML makes a date object of it, and fails on 2026-02-30).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from toolft_pipeline.errors import FixableError


class AgentYamlError(FixableError, ValueError):
    """The text is not valid YAML for an agent file; one line."""


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates that refuses duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping. Raises `AgentYamlError` for a duplicate key."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                if key.value in lines:
                    first = lines[key.value]
                    raise AgentYamlError(f"line {line}: duplicate key {key.value!r}, also in line {first}; remove one")
                lines[key.value] = line
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """Parse a YAML text. Raises `AgentYamlError`."""
    try:
        return yaml.load(text, Loader=_Loader)
    except AgentYamlError:
        raise
    except RecursionError as error:
        raise AgentYamlError("nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise AgentYamlError(" ".join(str(error).split())) from error
