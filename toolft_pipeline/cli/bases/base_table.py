"""The table of a comparison: one row a base, differences paired by task with the first base that has a result."""

from __future__ import annotations

from collections.abc import Sequence

from toolft_pipeline.cli.bases.base_result import RATES, BaseResult
from toolft_pipeline.evaluation.promotion.paired import compare_pairs, differences_of
from toolft_pipeline.evaluation.scoring.intervals import SIGNIFICANCE, Rate, exact_mcnemar
from toolft_pipeline.evaluation.scoring.metrics import METRICS

NONE = "-"


def base_table(results: Sequence[BaseResult]) -> str:
    """A Markdown table and the notes below it. A base without a result has its reason in its row."""
    first = next((each for each in results if each.failure is None), None)
    priced = any(each.cost_per_1k_tasks for each in results)
    head = [
        *("base", "parameters", "task success", f"difference to {first.base.name}" if first else "difference", "p"),
        *(METRICS[name].label for name in RATES),
        *("rows", "tokens", "tokens/s", "training, min", "evaluation, min", "peak memory, GB", "weights, GB"),
        "cost of 1,000 tasks" if priced else "tokens a task",
    ]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for each in results:
        if each.failure is not None:
            reason = f"failed: {each.failure}".replace("|", "/").replace("\n", " ")
            lines.append([each.base.name, NONE, reason, *[NONE] * (len(head) - 3)])
        else:
            lines.append(_row(each, first=first, priced=priced))
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([text, "", *_notes(results, first)]).rstrip()


def _row(result: BaseResult, *, first: BaseResult | None, priced: bool) -> list[str]:
    difference, p_value = _difference(result, first)
    rates = result.rates or {}
    cost = f"{result.cost_per_1k_tasks:,.2f}" if priced else f"{result.tokens_per_task:,.0f}"
    return [
        *(result.base.name, f"{result.parameters / 1e6:,.0f} M", _percent(result.task_success), difference, p_value),
        *(_percent(rates.get(name)) for name in RATES),
        *(f"{len(result.rows):,}", f"{result.tokens:,}", _number(result.tokens_per_s, ".0f")),
        *(f"{result.training_minutes:.1f}", f"{result.evaluation_minutes:.1f}"),
        *(_number(result.peak_memory_gb, ".1f"), f"{result.weights_gb:.2f}", cost),
    ]


def _difference(result: BaseResult, first: BaseResult | None) -> tuple[str, str]:
    """The paired difference in points with its interval, and its two-sided exact p-value; none for the first."""
    if first is None or result is first:
        return NONE, NONE
    pairs = differences_of(result.task_scores or {}, first.task_scores or {})
    if not pairs:
        return NONE, NONE
    found = compare_pairs(pairs, level=SIGNIFICANCE / 2)
    low, high = 100 * found.difference.low, 100 * found.difference.high
    return f"{100 * found.difference.value:+.1f} ({low:+.1f} to {high:+.1f})", (
        f"{exact_mcnemar(found.wins, found.losses):.3f}"
    )


def _notes(results: Sequence[BaseResult], first: BaseResult | None) -> list[str]:
    if first is None:
        return []
    notes = [
        f"{len(first.task_scores or {})} tasks; differences are paired by task, in points, p by the exact sign test. "
        "Tokens are counted by each base's own tokenizer."
    ]
    for each in results:
        if each.failure is None and each.rows != first.rows:
            notes.append(
                f"{each.base.name} was trained on other rows than {first.base.name}: {len(each.rows - first.rows)} "
                f"more and {len(first.rows - each.rows)} fewer; rows longer than chat.max_length differ by tokenizer"
            )
    return notes


def _percent(rate: Rate | None) -> str:
    return NONE if rate is None else f"{rate.value:.1%} ({rate.low:.1%}-{rate.high:.1%})"


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form)
