"""All mutants, by what they change."""

from __future__ import annotations

from toolft_pipeline_tests.mutants import (
    checkpoint_choice,
    curation,
    digests,
    gate,
    judge,
    loss_mask,
    managed,
    proofs,
    redaction,
    window_proofs,
)

_PARTS = (proofs, loss_mask, window_proofs, judge, gate, digests, redaction, curation, checkpoint_choice, managed)

MUTANTS = tuple(mutant for part in _PARTS for mutant in part.MUTANTS)
