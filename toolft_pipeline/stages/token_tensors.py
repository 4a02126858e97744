"""token_tensors[d]: rows as token ids and labels, with four proofs on every row."""

from __future__ import annotations

import msgspec

from toolft_pipeline.chat.chat_rows import ROWS_FILE
from toolft_pipeline.chat.proofs.report import Proof, ProofReport
from toolft_pipeline.chat.token_tensors import PROOFS_FILE, TENSORS_FILE, write_token_tensors
from toolft_pipeline.ingest.images.image_store import image_content
from toolft_pipeline.settings import AgentSettings, ChatSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, PartitionScope, Plot, Stage
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built, Version


def _build(context: BuildContext) -> Built:
    summary = write_token_tensors(
        rows=context.input("chat_rows").file(ROWS_FILE),
        accepted=context.input("verified_trajectories").file(ACCEPTED_FILE),
        tokenizer=context.input("base_model").file("model"),
        settings=context.settings,
        out=context.out,
        progress=context.progress,
    )
    context.progress(f"{summary.rows} rows, {summary.tokens} tokens, {summary.loss_tokens} with loss")
    if summary.too_long:
        context.progress(
            f"{summary.too_long} rows above {context.settings.chat.max_length} tokens became {summary.cut_rows}; lost "
            f"with them: {summary.lost_turns} assistant turns, {summary.lost_loss_tokens} tokens with loss"
        )
    return Built(
        content=(TENSORS_FILE, PROOFS_FILE, *image_content(context.out)),
        rows={
            "rows": summary.rows,
            "too_long": summary.too_long,
            "cut_rows": summary.cut_rows,
            "not_reversible": summary.not_reversible,
        },
        headline={
            "tokens": summary.tokens,
            "loss_tokens": summary.loss_tokens,
            "longest": summary.longest,
            "lost_turns": summary.lost_turns,
            "lost_loss_tokens": summary.lost_loss_tokens,
            "lengths": list(summary.lengths),
        },
    )


def proof_report(version: Version) -> ProofReport:
    """What the proofs found on the rows of a version."""
    return msgspec.json.decode(version.file(PROOFS_FILE).read_bytes(), type=ProofReport)


def _check(proof: Proof, description: str) -> Check:
    def evaluate(version: Version, _settings: AgentSettings) -> CheckOutcome:
        result = proof_report(version).results[proof]
        failures: list[Json] = [f"{failure.row_id}: {failure.reason}" for failure in result.failures]
        return CheckOutcome(
            passed=not result.n_failures,
            detail={"rows_checked": result.rows_checked, "failures": result.n_failures, "first": failures},
        )

    return Check(name=proof.value, description=description, blocking=True, evaluate=evaluate)


def _nothing_lost(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    names = ("lost_turns", "lost_loss_tokens", "loss_tokens")
    lost: dict[str, Json] = {name: headline[name] for name in names}
    return CheckOutcome(
        passed=not headline["lost_turns"], detail={"too_long": version.manifest.rows["too_long"], **lost}
    )


def _plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    lengths = version.manifest.headline["lengths"]
    return {"row_lengths": plots.histogram(lengths, title="Tokens of a row", label="tokens")}  # type: ignore[arg-type]


STAGE = Stage(
    asset="token_tensors",
    description="Token ids and labels: loss on assistant turns and nowhere else, proven on every row.",
    group=Group.DATA,
    kinds=("parquet", "transformers"),
    code_version="3",
    inputs={
        "chat_rows": PartitionScope.SAME,
        "verified_trajectories": PartitionScope.SAME,
        "base_model": PartitionScope.WHOLE,
    },
    settings=fields_of("chat", ChatSettings, but={"images"}),
    build=_build,
    checks=(
        _check(Proof.LOSS_MASK, "Loss tokens decode to exactly the assistant turns, each in exactly one row."),
        _check(Proof.SERVING_PROMPT, "The tokens before a trained turn are the prompt that a server builds."),
        _check(Proof.PARSER, "Parsing a trained turn gives back the recorded calls."),
        _check(Proof.CONTROL_TOKENS, "No control token lies in content."),
        Check(
            name="no_turn_is_lost",
            description="Every assistant turn fits chat.max_length; else raise it, or cut rows (chat.long_rows).",
            blocking=False,
            evaluate=_nothing_lost,
        ),
    ),
    plots=_plots,
)
