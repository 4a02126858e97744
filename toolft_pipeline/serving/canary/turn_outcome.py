"""What a turn says about the model that wrote it."""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.serving.served_turn import ServedTurn, TurnFault


@dataclass(frozen=True, kw_only=True)
class TurnOutcome:
    """`parsed` is None for a turn that is no evidence: the client cut it before the limit that the model was judged
    with."""

    parsed: bool | None
    unknown_tool: bool = False
    invalid_arguments: bool = False
    fallback: bool = False

    @property
    def failed(self) -> bool:
        """Whether the conversation counts as failed."""
        return self.parsed is False or self.unknown_tool or self.invalid_arguments or self.fallback


def turn_outcome(turn: ServedTurn, *, judged_tokens: int) -> TurnOutcome:
    """Read a turn. A turn that disobeys `tool_choice` is no failure: no model was trained on that.

    An answer of the fallback that was asked for because the live tools differ is no failure of the model either.
    """
    parsed: bool | None = turn.fault is not TurnFault.MALFORMED
    if turn.fault is TurnFault.CUT:
        parsed = None if turn.request.max_new_tokens < judged_tokens else False
    return TurnOutcome(
        parsed=parsed,
        unknown_tool=turn.fault is TurnFault.UNKNOWN_TOOL,
        invalid_arguments=bool(turn.invalid_arguments),
        fallback=turn.fallback is not None and not turn.catalog_drift,
    )
