"""Mutants of the judge: steps, functional match, rollouts, and what an evaluation is found by."""

from __future__ import annotations

from toolft_pipeline_tests.mutants.mutant import Mutant

EXTRA, OF_EXTRA = "evaluation/judge/extra_calls.py", "evaluation/judge/test_extra_calls.py"
CALLS, STEPS = "evaluation/judge/calls.py", "evaluation/scoring/steps.py"
EFFECTS, READS = "evaluation/scoring/functional_match.py", "evaluation/judge/required_reads.py"
JUDGE, EVALUATIONS = "evaluation/judge/judge_rollout.py", "stages/evaluations/evaluations.py"
OF_CALLS, OF_STEPS = "evaluation/judge/test_calls.py", "evaluation/scoring/test_steps.py"
OF_EFFECTS, JUDGED = "evaluation/scoring/test_functional_match.py", "evaluation/judge/test_judge_rollout.py"
STEP_BORDERS = "evaluation/scoring/test_step_borders.py"
IDENTITY = "stages/evaluations/test_evaluation_identity.py"

MUTANTS = (
    Mutant(
        name="similarity_of_the_best_pair",
        file=CALLS,
        old="return min(ratios, default=1.0)",
        new="return max(ratios, default=1.0)",
        why="one right call of two makes the turn right",
        tests=(f"{OF_CALLS}::test_similarity_is_that_of_the_least_similar_pair",),
    ),
    Mutant(
        name="similarity_of_other_tools",
        file=CALLS,
        old="if len(ours) != len(theirs) or any(a.name != b.name for a, b in pairs):",
        new="if any(a.name != b.name for a, b in pairs):",
        why="a call that was left out costs nothing",
        tests=(f"{OF_CALLS}::test_similarity_of_other_tools_or_numbers_of_calls_is_zero",),
    ),
    Mutant(
        name="arguments_in_the_order_that_they_came",
        file=CALLS,
        old="json.dumps(_plain(arguments), sort_keys=True,",
        new="json.dumps(_plain(arguments), sort_keys=False,",
        why="the right call with its keys in another order is wrong",
        tests=(f"{OF_CALLS}::test_calls_are_equal_as_json",),
    ),
    Mutant(
        name="true_is_one",
        file=CALLS,
        old="return int(value) if isinstance(value, float) and value.is_integer() else value",
        new="return int(value) if isinstance(value, float | bool) and float(value).is_integer() else value",
        why="a flag and a count are the same argument",
        tests=(f"{OF_CALLS}::test_calls_are_equal_as_json",),
    ),
    Mutant(
        name="valid_if_any_call_is",
        file=STEPS,
        old="valid_arguments=(bool(calls) and not any(reasons)) if has_calls else None,",
        new="valid_arguments=(bool(calls) and not all(reasons)) if has_calls else None,",
        why="one valid call of two makes the turn valid",
        tests=(f"{STEP_BORDERS}::test_step_is_valid_only_if_every_call_is",),
    ),
    Mutant(
        name="turn_without_calls_is_valid",
        file=STEPS,
        old="valid_arguments=(bool(calls) and not any(reasons)) if has_calls else None,",
        new="valid_arguments=(not any(reasons)) if has_calls else None,",
        why="a model that never calls has valid arguments",
        tests=(f"{OF_STEPS}::test_step_with_a_call_counts_each_metric_by_its_definition",),
    ),
    Mutant(
        name="right_tool_as_a_set",
        file=STEPS,
        old="parsed and sorted(call.name for call in calls) == sorted(call.name for call in expected)",
        new="parsed and {call.name for call in calls} == {call.name for call in expected}",
        why="a tool called twice instead of once is right",
        tests=(f"{OF_STEPS}::test_step_with_a_call_counts_each_metric_by_its_definition",),
    ),
    Mutant(
        name="fuzzy_at_the_border",
        file=STEPS,
        old="fuzzy_match=(score > FUZZY_ABOVE) if has_calls else None,",
        new="fuzzy_match=(score >= FUZZY_ABOVE) if has_calls else None,",
        why="arguments exactly 0.8 similar are a match, which the definition denies",
        tests=(f"{STEP_BORDERS}::test_step_exactly_at_the_border_is_no_fuzzy_match",),
    ),
    Mutant(
        name="effect_without_the_state",
        file=EFFECTS,
        old="return CallEffects(state=state_after, results=texts, is_visible=visible)",
        new='return CallEffects(state="", results=texts, is_visible=visible)',
        why="a write to another entity is the same effect",
        tests=(f"{OF_EFFECTS}::test_functional_match_of_a_write_is_its_state",),
    ),
    Mutant(
        name="effect_without_the_results",
        file=EFFECTS,
        old="return CallEffects(state=state_after, results=texts, is_visible=visible)",
        new="return CallEffects(state=state_after, results=(), is_visible=visible)",
        why="every read is the same effect",
        tests=(f"{OF_EFFECTS}::test_functional_match_of_a_read_is_its_result",),
    ),
    Mutant(
        name="effect_without_earlier_calls",
        file=EFFECTS,
        old="        for call in before:\n",
        new="        for call in before[:0]:\n",
        why="calls are compared in a state in which they were never made",
        tests=("evaluation/scoring/test_effects_after_calls.py",),
    ),
    Mutant(
        name="invisible_effects_match",
        file=EFFECTS,
        old="            if not wanted.is_visible:\n                return False\n",
        new="",
        why="calls that show nothing prove each other",
        tests=(f"{OF_EFFECTS}::test_functional_match_of_calls_that_show_nothing_is_equality",),
    ),
    Mutant(
        name="state_is_not_compared",
        file=JUDGE,
        old="if transcript.final_state != task.expected_state:",
        new="if False:",
        why="a task passes in a wrong final state",
        tests=(f"{JUDGED}::test_judge_wrong_final_state_fails",),
    ),
    Mutant(
        name="failed_calls_count_as_made",
        file=JUDGE,
        old="done = Counter(call for _, call, each in made if not each.is_error)",
        new="done = Counter(call for _, call, each in made)",
        why="a call that the backend refused covers the plan",
        tests=(f"{JUDGED}::test_judge_equal_call_that_failed_covers_nothing",),
    ),
    Mutant(
        name="missing_calls_as_a_set",
        file=JUDGE,
        old="missing = Counter(call.as_call for call in task.plan if not call.fails) - done",
        new="missing = Counter({call.as_call for call in task.plan if not call.fails}) - done",
        why="a planned call that must be made twice is made once",
        tests=("evaluation/scoring/test_judge_counts.py",),
    ),
    Mutant(
        name="one_extra_call_more",
        file=EXTRA,
        old="elif len(extra) > extra_calls:",
        new="elif len(extra) > extra_calls + 1:",
        why="the budget of extra calls is one larger than it says",
        tests=(f"{OF_EXTRA}::test_one_read_beyond_the_plan_passes_and_a_second_fails",),
    ),
    Mutant(
        name="read_after_it_was_used",
        file=READS,
        old="        yield turn, known\n        for made in turn.calls:\n"
        "            known.add_text(made.result, result=True)\n",
        new="        for made in turn.calls:\n            known.add_text(made.result, result=True)\n"
        "        yield turn, known\n",
        why="a guessed value counts as read from the result of the very call that guessed it",
        tests=(f"{JUDGED}", "evaluation/judge/test_failure_modes.py"),
    ),
    Mutant(
        name="extra_calls_outside_the_fingerprint",
        file=EVALUATIONS,
        old='_NOT_DECLARED = {\n    "engine",',
        new='_NOT_DECLARED = {\n    "extra_calls",\n    "engine",',
        why="a changed budget judges nothing again",
        tests=(f"{IDENTITY}::test_setting_of_the_judge_makes_another_evaluation",),
    ),
    Mutant(
        name="evaluation_without_its_tasks",
        file=EVALUATIONS,
        old='        "tasks": digest_of(task_ids),\n',
        new="",
        why="an evaluation on twenty tasks is taken for one on all of them",
        tests=(f"{IDENTITY}::test_evaluation_is_found_by_what_decides_it",),
    ),
    Mutant(
        name="evaluation_without_its_catalog",
        file=EVALUATIONS,
        old='        "catalog": catalog.manifest.content_digest,\n',
        new="",
        why="a catalog edit leaves the champion with its old figures",
        tests=(f"{IDENTITY}::test_evaluation_is_found_by_what_decides_it",),
    ),
    Mutant(
        name="evaluation_without_its_backend",
        file=EVALUATIONS,
        old="        **sources.sandbox(settings),\n",
        new="",
        why="a changed backend judges nothing again",
        tests=(f"{IDENTITY}::test_evaluation_is_found_by_what_decides_it",),
    ),
    Mutant(
        name="report_without_the_judges_code",
        file="stages/eval_report.py",
        old='        "judge": EVALUATION.code_version,\n',
        new="",
        why="a report is reused although the judge has changed",
        tests=(f"{IDENTITY}::test_report_is_made_again_with_the_judge",),
    ),
    Mutant(
        name="sampled_tasks_in_the_order_of_the_file",
        file="evaluation/scoring/task_sampling.py",
        old="ordered = sorted(tasks, key=lambda task: hashlib.sha256(task.task_id.encode()).digest())",
        new="ordered = list(tasks)",
        why="another order of the file asks other tasks",
        tests=("evaluation/scoring/test_evaluate.py::test_draw_tasks_is_even_over_categories_whatever_the_order",),
    ),
    Mutant(
        name="refused_write_is_free",
        file=EXTRA,
        old="    if writes:\n",
        new="    if False:\n",
        why="a write that was refused by luck, or carried out, is a free call",
        tests=(f"{OF_EXTRA}::test_write_beyond_the_plan_fails_whether_carried_out_or_refused",),
    ),
    Mutant(
        name="answers_are_not_read",
        file="evaluation/judge/judge_rollout.py",
        old="    findings += answer_findings(task, transcript, rules=answers)\n",
        new="",
        why="a task is passed whatever its answers say",
        tests=("evaluation/scoring/test_answer_reader.py::test_reader_that_says_yes_saves_no_lie",),
    ),
    Mutant(
        name="failed_calls_count_as_reads",
        file="sandbox/state_watch.py",
        old="state == self._state and not result.is_error",
        new="state == self._state",
        why="a write that was refused by luck is a read",
        tests=("sandbox/test_state_watch.py",),
    ),
)
