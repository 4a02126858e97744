"""What the ablations vary: each variant changes few settings of the agent file, all else stays.

A variant whose setting this release does not have is left out and named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from toolft_pipeline.settings import AgentSettings

DEFAULTS = "as the agent file says"
"""Name of the variant that every other one is compared with."""

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One line of the table. `cost` is its time as a multiple of the defaults', a quarter of which is evaluation."""

    name: str
    group: str
    settings: Mapping[str, str] = field(default_factory=dict)
    cost: float = 1.0


def variants(*, rows: int, all_rows: int, rank: int, alpha: int, epochs: float) -> list[Variant]:
    """All variants of an agent that trains on about `rows` of `all_rows` rows, with these settings."""
    return [
        Variant(name=DEFAULTS, group="defaults"),
        Variant(
            name="attention only",
            group="modules",
            settings={"training.target_modules": json.dumps(ATTENTION)},
            cost=0.8,
        ),
        *(
            Variant(
                name=f"rank {r}",
                group="rank",
                settings={"training.lora_r": str(r), "training.lora_alpha": str(round(alpha / rank * r))},
            )
            for r in (4, 16, 64)
        ),
        *(
            Variant(
                name=f"{n} epochs" if n > 1 else "1 epoch",
                group="epochs",
                settings={"training.epochs": str(n)},
                cost=n / epochs,
            )
            for n in (1, 2, 3)
        ),
        *(
            Variant(
                name=f"{count or 'all'} rows",
                group="rows",
                settings={
                    "training.token_budget": "null",
                    **({} if count is None else {"training.row_budget": str(count)}),
                },
                cost=0.25 + 0.75 * (count or all_rows) / rows,
            )
            for count in (100, 300, None)
        ),
        *(
            Variant(
                name=f"replay share {share:.0%}",
                group="replay",
                settings={"training.replay_share": str(share)},
                cost=1.1,
            )
            for share in (0.0, 0.05, 0.1, 0.2)
        ),
        *(
            Variant(name=f"mask rule {rule}", group="mask", settings={"chat.loss_on_failed_calls": rule})
            for rule in ("all", "mended_masked")
        ),
        Variant(name="dft loss", group="loss", settings={"training.loss_type": "dft"}),
        Variant(name="KL weight 0.1", group="kl", settings={"training.kl_weight": "0.1"}, cost=1.5),
        Variant(
            name="checkpoint by exact match", group="choice", settings={"training.choose_by": "exact_match"}, cost=1.2
        ),
    ]


def base_variants(bases: Sequence[str]) -> list[Variant]:
    """The same rows on other bases, each given as PACKAGE:CHAT_FORMAT."""
    made = []
    for base in bases:
        package, _, chat_format = base.partition(":")
        settings = {"base_model": json.dumps({"package": package}), "chat.format": chat_format or "chatml"}
        made.append(Variant(name=f"base {package}", group="bases", settings=settings))
    return made


def missing_setting(variant: Variant) -> str | None:
    """The first setting of a variant that this release does not have; None where it has all."""
    for key in variant.settings:
        section, _, name = key.partition(".")
        info = AgentSettings.model_fields.get(section)
        if info is None or (name and name not in getattr(info.annotation, "model_fields", {})):
            return key
    return None


def distinct(chosen: Sequence[Variant], *, current: Mapping[str, str]) -> Iterator[Variant]:
    """The variants without those that only repeat what the agent file says."""
    for variant in chosen:
        if variant.name == DEFAULTS or any(current.get(key) != value for key, value in variant.settings.items()):
            yield variant
