"""Mutants of what a window of days counts as proven, at a day's checks, before training and at the gate."""

from __future__ import annotations

from toolft_pipeline_tests.mutants.mutant import Mutant

TENSORS, EVALUATION = "stages/token_tensors.py", "stages/eval_report.py"
WINDOW = "stages/test_window_proofs.py"

MUTANTS = (
    Mutant(
        name="window_proofs_of_the_first_day",
        file=EVALUATION,
        old="problems = {proof for version in days for proof in unproven(version)}",
        new="problems = {proof for version in list(days)[:1] for proof in unproven(version)}",
        why="a model trained on an unproven day is promoted",
        tests=(f"{WINDOW}::test_proof_that_one_day_lacks_is_not_proven",),
    ),
    Mutant(
        name="window_without_rows_is_proven",
        file=EVALUATION,
        old="some_rows and proof not in problems",
        new="proof not in problems",
        why="no rows at all count as four green proofs",
        tests=(f"{WINDOW}::test_window_without_any_row_proves_nothing",),
    ),
    Mutant(
        name="window_with_an_empty_day_is_unproven",
        file=EVALUATION,
        old="some_rows = any(",
        new="some_rows = all(",
        why="a day without logs stops every promotion for the whole window",
        tests=(f"{WINDOW}::test_day_without_rows_does_not_hold_up_the_window",),
    ),
    Mutant(
        name="merge_without_its_checks",
        file=EVALUATION,
        old="dict.fromkeys([*MERGE_CHECKS, *checks])",
        new="checks",
        why="a merge that was not checked is promoted",
        tests=(f"{WINDOW}::test_merge_without_a_check_is_not_proven",),
    ),
    Mutant(
        name="proof_over_fewer_rows",
        file=TENSORS,
        old="if result.rows_checked < rows:",
        new="if not result.rows_checked:",
        why="rows that no proof saw are trained on",
        tests=(f"{WINDOW}::test_rows_that_a_proof_did_not_see_stop_the_day",),
    ),
    Mutant(
        name="proof_that_was_not_run",
        file=TENSORS,
        old='return "was not run"',
        new="return None",
        why="a report that lacks a proof is green",
        tests=(f"{WINDOW}::test_proof_that_one_day_lacks_is_not_proven",),
    ),
    Mutant(
        name="empty_day_is_green",
        file=TENSORS,
        old="passed=problem is None and not nothing_to_prove,",
        new="passed=problem is None,",
        why="a day without rows shows four green proofs",
        tests=(f"{WINDOW}::test_day_without_rows_is_not_green_and_stops_nothing",),
    ),
    Mutant(
        name="empty_day_blocks",
        file=TENSORS,
        old="blocks=not nothing_to_prove,",
        new="blocks=True,",
        why="a day without logs stops everything downstream",
        tests=(f"{WINDOW}::test_day_without_rows_is_not_green_and_stops_nothing",),
    ),
    Mutant(
        name="training_on_unproven_rows",
        file="stages/token_tensors.py",
        old="for proof, problem in unproven(version).items():",
        new="for proof, problem in dict[str, str]().items():",
        why="training starts on rows whose proofs failed",
        tests=(f"{WINDOW}::test_training_refuses_rows_that_were_not_proven",),
    ),
)
