"""token_tensors[d]: rows as token ids and labels, with four proofs on every row."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from toolft_pipeline.chat.chat_rows import ROWS_FILE
from toolft_pipeline.chat.proofs.report import Proof, ProofReport, ProofResult
from toolft_pipeline.chat.token_tensors import PROOFS_FILE, TENSORS_FILE, write_token_tensors
from toolft_pipeline.ingest.images.image_store import image_content
from toolft_pipeline.settings import AgentSettings, ChatSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Group,
    PartitionScope,
    Plot,
    Stage,
    StageError,
)
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Version


def _build(context: BuildContext) -> BuildOutput:
    summary = write_token_tensors(
        rows=context.input("chat_rows").file(ROWS_FILE),
        accepted=context.input("verified_trajectories").file(ACCEPTED_FILE),
        tokenizer=context.input("base_model").file("model"),
        chat=context.settings.chat,
        out=context.out,
        progress=context.progress,
    )
    context.progress(f"{summary.rows} rows, {summary.tokens} tokens, {summary.loss_tokens} with loss")
    if summary.too_long:
        context.progress(
            f"{summary.too_long} rows above {context.settings.chat.max_length} tokens became {summary.cut_rows}; lost "
            f"with them: {summary.lost_turns} assistant turns, {summary.lost_loss_tokens} tokens with loss"
        )
    return BuildOutput(
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
    """The result of the proofs on the rows of a version."""
    return msgspec.json.decode(version.file(PROOFS_FILE).read_bytes(), type=ProofReport)


def unproven(version: Version) -> dict[Proof, str]:
    """The proofs that do not hold for every row of a day, each with why not. None of them for a day without rows, which
    proves nothing and refutes nothing: count the rows of a window with `proven_rows`."""
    report, rows = proof_report(version), proven_rows(version)
    problems = {proof: _problem(report.results.get(proof), rows) for proof in Proof}
    return {proof: problem for proof, problem in problems.items() if problem is not None}


def require_proven(versions: Iterable[Version]) -> None:
    """Refuse to train on rows of which a proof does not hold. Raises `StageError`."""
    for version in versions:
        for proof, problem in unproven(version).items():
            raise StageError(
                f"{version.manifest.address}: proof {proof} {problem}; fix the chat format before training"
            )


def proven_rows(version: Version) -> int:
    """Rows of a day that the proofs are about: those that a model can be trained on."""
    return version.manifest.rows["rows"]


def _problem(result: ProofResult | None, rows: int) -> str | None:
    if result is None:
        return "was not run"
    if result.n_failures:
        first = "".join(f" (first: {each.row_id}: {each.reason})" for each in result.failures[:1])
        return f"fails on {result.n_failures} rows{first}"
    if result.rows_checked < rows:
        return f"was run on {result.rows_checked} of {rows} rows"
    return None


def _check(proof: Proof, description: str) -> Check:
    def evaluate(version: Version, _settings: AgentSettings) -> CheckOutcome:
        result, problem = proof_report(version).results.get(proof), unproven(version).get(proof)
        failures = () if result is None else result.failures
        shown: list[Json] = [f"{failure.row_id}: {failure.reason}" for failure in failures]
        nothing_to_prove = problem is None and not proven_rows(version)
        return CheckOutcome(
            passed=problem is None and not nothing_to_prove,
            blocks=not nothing_to_prove,
            description="nothing is proven: the day has no rows to train on" if nothing_to_prove else problem,
            detail={
                "rows_checked": 0 if result is None else result.rows_checked,
                "failures": 0 if result is None else result.n_failures,
                "first": shown,
            },
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
        _check(Proof.CONTROL_TOKENS, "No content holds a control token."),
        Check(
            name="no_turn_is_lost",
            description="Every assistant turn fits chat.max_length; else raise it, or cut rows (chat.long_rows).",
            blocking=False,
            evaluate=_nothing_lost,
        ),
    ),
    plots=_plots,
)
