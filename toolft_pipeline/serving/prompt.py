"""The prompt of a request: the ids that training and evaluation make of the same messages and tools."""

from __future__ import annotations

import dataclasses

from jinja2 import TemplateError

from toolft_pipeline.errors import FixableError
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.served_model import ServedModel


class PromptError(FixableError, ValueError):
    """The chat format cannot render what the client sent; the message says why."""


def served_prompt(model: ServedModel, request: ChatRequest) -> list[int]:
    """The ids before the next assistant turn, with the tools that the client offers. Raises `PromptError`.

    The catalog's own tools have the catalog's text and order, whatever the client's framework makes of them.
    """
    prompter = dataclasses.replace(model.prompter, tools=model.with_offered(request.tools))
    try:
        return prompter.prompt(request.messages)
    except TemplateError as error:
        raise PromptError(f"these messages and tools cannot be rendered: {error}") from error
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        name = prompter.chat_format.name
        raise PromptError(f"chat format {name} cannot render these messages and tools; simplify the tools") from error
