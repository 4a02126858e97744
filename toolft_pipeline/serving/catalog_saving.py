"""How many tokens of offered tools a prompt does not show: what a model that was trained on the catalog saves.

Counted with the served model's own tokenizer and format, as the reports count it. Each model and set of tools is
rendered once, which takes some milliseconds; a client sends the same tools with every turn.
"""

from __future__ import annotations

import json
from collections import OrderedDict

from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved_by_template
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.notice import LOG
from toolft_pipeline.serving.served_model import ServedModel

SETS_KEPT = 64


class CatalogSaving:
    """Counts for requests; used from one thread at a time."""

    def __init__(self) -> None:
        self._counted: OrderedDict[tuple[str, str], int] = OrderedDict()

    def tokens(self, request: ChatRequest, model: ServedModel) -> int:
        """Tokens that the request's tools would add to the prompt; 0 where they cannot be rendered."""
        if not request.tools:
            return 0
        tools = model.with_offered(request.tools)
        key = model.content_digest, json.dumps(tools, sort_keys=True)
        if key not in self._counted:
            self._counted[key] = self._count(tools, model)
        self._counted.move_to_end(key)
        while len(self._counted) > SETS_KEPT:
            self._counted.popitem(last=False)
        return self._counted[key]

    def _count(self, tools: list[dict[str, object]], model: ServedModel) -> int:
        prompter = model.prompter
        tokenizer = prompter.tokenizer
        try:
            saved = catalog_tokens_saved_by_template(
                tools,
                chat_format=prompter.chat_format,
                template=str(tokenizer.chat_template),
                encode=lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
            )
            return max(0, saved)
        except Exception as error:  # a client's tools can break a template; a figure may not end a request
            LOG.warning("%s: the tokens of the offered tools cannot be counted: %s", model.agent, type(error).__name__)
            return 0
