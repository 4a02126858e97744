"""Mutants of the choice among checkpoints and of the early stop."""

from __future__ import annotations

from toolft_pipeline_tests.mutants.mutant import Mutant

STEP, MATCH = "training/choice/best_step.py", "training/choice/exact_match.py"
STEPS, CHOOSER = "training/choice/held_out_steps.py", "training/choice/chooser.py"
BEST, EXACT = "training/choice/test_best_step.py", "training/choice/test_exact_match.py"

MUTANTS = (
    Mutant(
        name="worst_exact_match_chosen",
        file=STEP,
        old="first = -float(entry[EXACT_MATCH])",
        new="first = float(entry[EXACT_MATCH])",
        why="the checkpoint that makes the fewest right calls is published",
        tests=(f"{BEST}::test_step_is_chosen_by_the_setting",),
    ),
    Mutant(
        name="early_stop_counts_all_evaluations",
        file=STEP,
        old="without = 0 if better else without + 1",
        new="without = without if better else without + 1",
        why="a run stops although it still gets better",
        tests=(f"{BEST}::test_better_evaluation_begins_the_count_again",),
    ),
    Mutant(
        name="steps_after_the_stop_are_chosen",
        file=STEP,
        old="return history if last is None else",
        new="return history if True else",
        why="a resumed run publishes another adapter than a whole one",
        tests=(f"{BEST}::test_what_a_resumed_run_did_after_the_stop_changes_no_choice",),
    ),
    Mutant(
        name="unfinished_answer_matches",
        file=MATCH,
        old="if made.malformed or not answer.rstrip().endswith(chat_format.stop_tokens):",
        new="if made.malformed:",
        why="a model that never ends its turn is chosen",
        tests=(f"{EXACT}::test_turns_are_the_same_if_their_calls_are_equal_as_json",),
    ),
    Mutant(
        name="calls_compared_by_name",
        file=MATCH,
        old="sorted((call.name, json.dumps(json.loads(call.arguments_json), sort_keys=True)) for call in turn.calls)",
        new="sorted((call.name, '') for call in turn.calls)",
        why="wrong arguments count as right",
        tests=(f"{EXACT}::test_turns_are_the_same_if_their_calls_are_equal_as_json",),
    ),
    Mutant(
        name="held_out_steps_by_order",
        file=STEPS,
        old="return [distinct[rank] for rank in sorted(distinct)[:count]]",
        new="return list(distinct.values())[:count]",
        why="the steps depend on the order in which days are read",
        tests=(f"{EXACT}::test_steps_depend_on_the_seed_and_not_on_the_order_of_rows",),
    ),
    Mutant(
        name="measured_again_after_a_resume",
        file=CHOOSER,
        old="        if result is None:\n            result = self._measure(adapter, path)\n",
        new="        result = self._measure(adapter, path)\n",
        why="a resumed run repeats minutes of generation",
        tests=(f"{EXACT}::test_adapter_is_measured_once_in_a_process_of_its_own",),
    ),
)
