"""All mutants, by what they change."""

from __future__ import annotations

from toolft_pipeline_tests.mutants import curation, digests, gate, judge, managed, proofs, redaction, window_proofs

MUTANTS = tuple(
    mutant
    for part in (proofs, window_proofs, judge, gate, digests, redaction, curation, managed)
    for mutant in part.MUTANTS
)
