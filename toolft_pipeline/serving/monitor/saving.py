"""What the incumbent was spared: catalog tokens and money, measured on a day's served turns.

Invariant: only a turn that took the incumbent's place counts: our model's own, without a fault, and kept by the client.
Tokens are counted by the served model's tokenizer, as in `readiness_report`; the incumbent's own differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from toolft_pipeline.ingest.served_turns import ServedTurnRow
from toolft_pipeline.settings.readiness import IncumbentSettings

MS_PER_HOUR = 3_600_000.0


class SavedTurns(Struct, frozen=True, kw_only=True):
    """One model's turns that took the incumbent's place.

    `prompt_tokens` and `new_tokens` are of those `turns`, `catalog_tokens` what the offered tools would have added to
    their prompts. `busy_ms` is the time of all turns of the model in its engine, faulty ones too; turns that are
    decoded side by side each count in full.
    """

    turns: int = 0
    prompt_tokens: int = 0
    new_tokens: int = 0
    catalog_tokens: int = 0
    busy_ms: float = 0.0

    @property
    def catalog_tokens_per_turn(self) -> float:
        """Catalog tokens that a turn saves."""
        return self.catalog_tokens / max(1, self.turns)


@dataclass(frozen=True, kw_only=True)
class SavedCost:
    """In the currency of the settings: what the turns would have cost with the incumbent, and what that saves.

    `catalog_cost` is the catalog's part of `incumbent_cost`. `cost_saved` is `incumbent_cost` less `machine_cost`, the
    engine's time at `evaluation.machine_hour_price`; an idle machine is not in it.
    """

    incumbent_cost: float
    catalog_cost: float
    machine_cost: float
    cost_saved: float


def saved_turns(turns: Iterable[ServedTurnRow]) -> SavedTurns:
    """Sum up the turns of one model."""
    all_turns = list(turns)
    instead = [turn for turn in all_turns if turn.kept and turn.fault is None and turn.fallback is None]
    return SavedTurns(
        turns=len(instead),
        prompt_tokens=sum(turn.prompt_tokens for turn in instead),
        new_tokens=sum(turn.new_tokens for turn in instead),
        catalog_tokens=sum(turn.catalog_tokens_saved for turn in instead),
        busy_ms=sum(max(0.0, turn.latency_ms - turn.queued_ms) for turn in all_turns),
    )


def saved_cost(
    models: Sequence[SavedTurns], incumbent: IncumbentSettings, machine_hour_price: float
) -> SavedCost | None:
    """The cost at these prices; None without both of the incumbent's."""
    prompt_price = incumbent.price_per_million_prompt_tokens
    completion_price = incumbent.price_per_million_completion_tokens
    if prompt_price is None or completion_price is None:
        return None
    catalog = sum(each.catalog_tokens for each in models) * prompt_price / 1e6
    own = sum(each.prompt_tokens * prompt_price + each.new_tokens * completion_price for each in models) / 1e6
    machine = sum(each.busy_ms for each in models) * machine_hour_price / MS_PER_HOUR
    return SavedCost(
        incumbent_cost=own + catalog,
        catalog_cost=catalog,
        machine_cost=machine,
        cost_saved=own + catalog - machine,
    )
