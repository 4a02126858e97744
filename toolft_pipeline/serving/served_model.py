"""A merged model that can be served: its version, its prompts, its parser.

Invariant: prompts and turns go through `ServedPrompter`, the class that evaluation uses, with the catalog that the
model was trained on, so a served prompt equals the judged one id by id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.models.prompting import ServedPrompter


@dataclass(frozen=True, kw_only=True)
class ServedAdapter:
    """The adapter that a model was merged from: its folder, and the base folder that it was trained on.

    `base_digest` is the base's content digest; `quantization` is `nf4` or `none`, as training loaded the base.
    """

    folder: Path
    base: Path
    base_digest: str
    quantization: str


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A version of merged_model with what is needed to serve it.

    `folder` is the model folder in Hugging Face layout; `day` its as-of day; `catalog` the tools that it was trained
    on, `catalog_digest` their digest, `validator` checks arguments against them.
    """

    agent: str
    day: str
    content_digest: str
    adapter_digest: str | None
    folder: Path
    catalog: Catalog
    catalog_digest: str
    validator: CatalogValidator
    prompter: ServedPrompter
    adapter: ServedAdapter | None = None
    """Set where adapters are served over their base, in place of the merged `folder`."""

    @property
    def name(self) -> str:
        """What the protocol calls the model: AGENT/DAY."""
        return f"{self.agent}/{self.day}"

    def with_offered(self, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The offered tools in the text that training saw: the catalog's where a tool is its, else the client's.

        Frameworks send the same tools with other keys and in another order; a prompt may not depend on that. All the
        catalog's tools offered means its own list, in its own order.
        """
        known = {tool["function"]["name"]: tool for tool in self.catalog.openai_tools()}
        offered = {tool["function"]["name"]: tool for tool in tools}
        foreign = [tool for name, tool in offered.items() if name not in known]
        return [tool for name, tool in known.items() if name in offered] + foreign

    def prompt_key(self, messages: list[dict[str, Any]]) -> str:
        """A text that equal histories share."""
        return json.dumps(messages, ensure_ascii=False, sort_keys=True)
