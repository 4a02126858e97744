"""All mutants, by what they change."""

from __future__ import annotations

from toolft_pipeline_tests.mutants import curation, digests, gate, judge, loss_mask, proofs, redaction, window_proofs

MUTANTS = tuple(
    mutant
    for part in (proofs, loss_mask, window_proofs, judge, gate, digests, redaction, curation)
    for mutant in part.MUTANTS
)
