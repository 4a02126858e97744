"""The text of an agent file as a document of keys and values.

Invariant: nothing is dropped silently and nothing is reinterpreted: a key that stands twice is an error (plain YAML
keeps the last), and a date stays the text that it is (plain YAML makes an object of it, or fails over 2026-02-30).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from toolft_pipeline.errors import FixableError


class AgentYamlError(FixableError, ValueError):
    """The text is not YAML that can be used; one line."""


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates, that refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping of distinct keys."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                if key.value in lines:
                    first = lines[key.value]
                    raise AgentYamlError(f"line {line}: key {key.value!r} stands in line {first} too; remove one")
                lines[key.value] = line
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """The document of a text. Raises `AgentYamlError`."""
    try:
        return yaml.load(text, Loader=_Loader)
    except AgentYamlError:
        raise
    except RecursionError as error:
        raise AgentYamlError("it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise AgentYamlError(" ".join(str(error).split())) from error
