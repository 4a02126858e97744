"""`chat`: how conversations are rendered."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section


class CatalogMode(StrEnum):
    """What of the tool catalog stands in the prompt."""

    NONE = "none"
    NAMES = "names"
    FULL = "full"


class LongRows(StrEnum):
    """What becomes of a row above the limit. A row is cut where a user turn or a step begins, never within a turn, and
    no turn is trained on a history that lacks what the turn speaks of. Rows and loss tokens lost are counted."""

    DROP = "drop"
    """It is left out."""
    CUT_FRONT = "cut_front"
    """Its oldest turns are left out until it fits. The system prompt stays, and so does the request that the first kept
    step belongs to."""
    SPLIT = "split"
    """It becomes several rows, each with the system prompt and, as context without loss, as many of the turns before as
    fit into half of `max_length`: every turn is trained once, at the price of saying its context again."""


class ChatSettings(Section):
    """How a conversation becomes text."""

    format: str = "gemma3"
    """Name of a registered chat format."""
    catalog_mode: CatalogMode = CatalogMode.NONE
    """`none` is the point of the exercise: the model knows its tools by heart."""
    system_prompt: Literal["keep", "strip", "strip_tools"] | str = "keep"
    """`keep` the logged one, `strip` it, or `replace: <text>` written as the text itself after `replace:`.
    `strip_tools` keeps it but for a tool list that was pasted into it: JSON of tools in MCP or OpenAI shape, half of
    which today's catalog has, and lines that each list a tool by its name, its signature or the words of its
    description, where they name half of the catalog; with them go the heading, code fence or tags around them. Advice
    on a tool stays, and so do examples of calls. Parts of a prompt are left out and counted, none is rewritten."""
    thinking: Literal["drop", "keep"] = "drop"
    """Whether reasoning of earlier turns is rendered."""
    max_length: int = Field(4096, gt=0)
    """Tokens of a row at most; `long_rows` says what becomes of a longer one. It is counted in any case."""
    long_rows: LongRows = LongRows.DROP
    """What becomes of a row that is longer than `max_length`."""
    images: Literal["drop_row", "refuse"] = "drop_row"
    """What becomes of a run that shows images where the chat format renders none or the base has no processor:
    `drop_row` leaves it out and counts it, `refuse` stops chat_rows with an error."""
