"""The report of the proofs: rows checked and failures of each, for an asset check and for proofs.json."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

SHOWN_FAILURES = 20
"""Failures of one proof that are listed; all are counted."""


class Proof(StrEnum):
    """A property that is checked on every row."""

    LOSS_MASK = "loss_mask"
    """Loss tokens decode to exactly the assistant turns, each in exactly one row."""
    SERVING_PROMPT = "serving_prompt"
    """The tokens before a trained turn are the prompt that a server builds from the history."""
    PARSER = "parser"
    """Parsing a trained turn gives back the recorded calls."""
    CONTROL_TOKENS = "control_tokens"
    """No content holds a control token."""


class ProofFailure(Struct, frozen=True, kw_only=True):
    """One row that fails a proof, and why, in one line."""

    row_id: str
    reason: str


class ProofResult(Struct, frozen=True, kw_only=True):
    """One proof over all rows."""

    rows_checked: int
    n_failures: int
    failures: tuple[ProofFailure, ...]
    """The first `SHOWN_FAILURES` of them."""


class ProofReport(Struct, frozen=True, kw_only=True):
    """All proofs over all rows. A report without any row is not green."""

    results: dict[str, ProofResult]

    @property
    def green(self) -> bool:
        """Whether every proof was run on at least one row and none failed."""
        return set(self.results) == set(Proof) and all(
            result.rows_checked and not result.n_failures for result in self.results.values()
        )

    @property
    def n_failures(self) -> int:
        """Failures of all proofs together; a row may fail several."""
        return sum(result.n_failures for result in self.results.values())


def make_report(*, rows_checked: dict[Proof, int], failures: dict[Proof, list[ProofFailure]]) -> ProofReport:
    """A report from the collected counts and failures."""
    return ProofReport(
        results={
            proof.value: ProofResult(
                rows_checked=rows_checked.get(proof, 0),
                n_failures=len(failures.get(proof, [])),
                failures=tuple(failures.get(proof, [])[:SHOWN_FAILURES]),
            )
            for proof in Proof
        }
    )
