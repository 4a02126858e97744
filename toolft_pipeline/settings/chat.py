"""`chat`: how conversations are rendered."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section


class CatalogMode(StrEnum):
    """How much of the tool catalog is in the prompt: nothing, the names, or whole schemas."""

    NONE = "none"
    NAMES = "names"
    FULL = "full"


class LongRows(StrEnum):
    """What happens to a row above the limit. A row is cut where a user turn or a step begins, never inside a turn, and
    no turn is trained without the context that it depends on. Lost rows and loss tokens are counted."""

    DROP = "drop"
    """It is left out."""
    CUT_FRONT = "cut_front"
    """Its oldest turns are left out until it fits. The system prompt stays, and so does the request of the first kept
    step."""
    SPLIT = "split"
    """It becomes several rows, each with the system prompt and, as context without loss, as many earlier turns as fit
    into half of `max_length`: every turn is trained once, and its context is encoded again."""


class LossOnFailedCalls(StrEnum):
    """Whether a turn with failed calls that the same run corrects carries loss."""

    ALL = "all"
    """Every turn carries loss."""
    MENDED_MASKED = "mended_masked"
    """A turn carries no loss if all of its calls failed and each is corrected: a later call of the same tool succeeds
    before the next user turn and before the next answer in words. The turn stays in the context of later ones. A
    failure that the agent explains to the user keeps its loss, and so does a turn with one call that worked."""


class ChatSettings(Section):
    """How a conversation becomes text."""

    format: str = "gemma3"
    """Name of a registered chat format."""
    catalog_mode: CatalogMode = CatalogMode.NONE
    """`none` is the purpose of the training: the model learns the tools, so no prompt has to list them."""
    system_prompt: Literal["keep", "strip", "strip_tools"] | str = "keep"
    """`keep` the logged one, `strip` it, or replace it with the text after `replace:`. `strip_tools` removes only tool
    lists pasted into it: JSON of tools in MCP or OpenAI shape, if today's catalog has half of them, and lines that each
    list a tool by its name, its signature or the words of its description, if they name half of the catalog. Their
    heading, code fence or tags are removed too. Advice on a tool and examples of calls stay. Removed parts are counted,
    and nothing is rewritten."""
    thinking: Literal["drop", "keep"] = "drop"
    """Whether recorded reasoning is rendered and trained."""
    max_length: int = Field(4096, gt=0)
    """Most tokens of a row. Longer ones are counted and handled as `long_rows` says."""
    long_rows: LongRows = LongRows.DROP
    """What happens to a row that is longer than `max_length`."""
    loss_on_failed_calls: LossOnFailedCalls = LossOnFailedCalls.ALL
    """Whether failed calls that the run corrects are learned: `all`, or `mended_masked` to show them as context."""
    images: Literal["drop_row", "refuse"] = "drop_row"
    """What happens to a run that shows images where the chat format renders none or the base has no processor:
    `drop_row` leaves it out and counts it, `refuse` stops chat_rows with an error."""
