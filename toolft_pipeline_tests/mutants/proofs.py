"""Mutants of the four proofs, their oracles and their reports."""

from __future__ import annotations

from toolft_pipeline_tests.mutants.mutant import Mutant

CHECKS, PROVE, REPORT = "chat/proofs/checks.py", "chat/proofs/prove.py", "chat/proofs/report.py"
CUT = "chat/proofs/cut_history.py"
PROOFS, LONG, SHOWN = "chat/test_proofs.py", "chat/test_long_rows.py", "chat/test_checks.py"

MUTANTS = (
    Mutant(
        name="mask_without_end_of_turn",
        file=CHECKS,
        old="""        recorded = oracle.as_decoded("".join(part.text for part in turn))
        if trained != recorded:""",
        new="""        recorded = oracle.as_decoded("".join(part.text for part in turn))
        if trained.removesuffix(turn[-1].text) != recorded.removesuffix(turn[-1].text):""",
        why="a model that was never taught to stop passes the proof",
        tests=(f"{PROOFS}::test_loss_mask_fails_on_a_mask_beside_the_turn",),
    ),
    Mutant(
        name="labels_not_compared_with_ids",
        file=CHECKS,
        old="if list(row.labels[span.start : span.end]) != list(row.input_ids[span.start : span.end]):",
        new="if False:",
        why="a model is trained to say other tokens than those of its turn",
        tests=(f"{PROOFS}::test_loss_mask_fails_on_a_mask_beside_the_turn",),
    ),
    Mutant(
        name="labels_of_another_length",
        file=CHECKS,
        old="if len(row.labels) != len(row.input_ids):",
        new="if False:",
        why="labels and ids are not of one row",
        tests=(f"{PROOFS}::test_loss_mask_fails_on_a_mask_beside_the_turn",),
    ),
    Mutant(
        name="row_without_loss_is_proven",
        file=CHECKS,
        old='        return "no token carries loss"\n',
        new="        return None\n",
        why="a row that teaches nothing is green",
        tests=(f"{SHOWN}::test_row_without_loss_is_not_proven",),
    ),
    Mutant(
        name="loss_outside_of_turns",
        file=CHECKS,
        old='return f"loss outside of any assistant turn: {trained[:80]!r}"',
        new="continue",
        why="a turn is trained in two rows",
        tests=(f"{PROOFS}::test_loss_mask_fails_on_a_turn_in_two_rows",),
    ),
    Mutant(
        name="loss_spans_by_sign",
        file=CHECKS,
        old="key=lambda label: label != IGNORED)",
        new="key=lambda label: label > 0)",
        why="loss on the token with id 0 (padding) is not seen",
        tests=(f"{SHOWN}::test_loss_spans_are_what_counting_gives",),
    ),
    Mutant(
        name="context_compared_by_length",
        file=CHECKS,
        old="if context != served:",
        new="if len(context) != len(served):",
        why="a context of other tokens than the server sends is green",
        tests=(f"{PROOFS}::test_serving_prompt_fails_on_context_encoded_otherwise",),
    ),
    Mutant(
        name="context_of_the_first_turn_only",
        file=CHECKS,
        old="""    for span in row.spans:
        index = span.message_index
        if index is None:
            continue
        if index == 0:""",
        new="""    for span in row.spans[:1]:
        index = span.message_index
        if index is None:
            continue
        if index == 0:""",
        why="only the first turn is trained on what a server sends",
        tests=(f"{PROOFS}::test_serving_prompt_fails_on_the_context_of_a_later_turn",),
    ),
    Mutant(
        name="turn_without_history_is_served",
        file=CHECKS,
        old='return "message 0: an assistant turn without any history cannot be served"',
        new="continue",
        why="a turn is trained that no server can ask for",
        tests=(f"{SHOWN}::test_turn_without_any_history_cannot_be_served",),
    ),
    Mutant(
        name="parser_compares_names",
        file=CHECKS,
        old="if calls != recorded:",
        new="if [name for name, _ in calls] != [name for name, _ in recorded]:",
        why="a parser that changes arguments is green",
        tests=(f"{PROOFS}::test_parser_fails_on_cast_arguments",),
    ),
    Mutant(
        name="parser_compares_no_text",
        file=CHECKS,
        old='if (text := parsed.get("content", "")) != oracle.expected_text(message):',
        new='if (text := parsed.get("content", "")) is None:',
        why="a parser that loses what the model says is green",
        tests=(f"{PROOFS}::test_parser_fails_on_other_words_or_thoughts",),
    ),
    Mutant(
        name="parser_compares_no_reasoning",
        file=CHECKS,
        old='if (reasoning := parsed.get("reasoning_content", "")) != oracle.expected_reasoning(message).strip():',
        new='if (reasoning := parsed.get("reasoning_content", "")) is None:',
        why="a parser that takes an answer for reasoning is green",
        tests=(f"{PROOFS}::test_parser_fails_on_other_words_or_thoughts",),
    ),
    Mutant(
        name="parser_of_the_first_turn_only",
        file=CHECKS,
        old="""    for span in row.spans:
        index = span.message_index
        if index is None:
            continue
        message = row.messages[index]""",
        new="""    for span in row.spans[:1]:
        index = span.message_index
        if index is None:
            continue
        message = row.messages[index]""",
        why="calls of later turns may be lost",
        tests=(
            f"{PROOFS}::test_parser_fails_on_a_broken_response_template",
            f"{PROOFS}::test_parser_fails_on_cast_arguments",
            f"{PROOFS}::test_parser_fails_on_the_last_turn",
        ),
    ),
    Mutant(
        name="text_between_markers_by_length",
        file=CHECKS,
        old='return f"the row holds {_difference(actual, opening)}" if actual != opening else None',
        new='return f"the row holds {_difference(actual, opening)}" if len(actual) != len(opening) else None',
        why="other words in a user's turn are green",
        tests=(f"{PROOFS}::test_control_tokens_fails_on_other_text_of_the_same_length",),
    ),
    Mutant(
        name="text_around_a_catalog_not_compared",
        file=CHECKS,
        old="if around != opening + rest:",
        new="if False:",
        why="with a catalog in the prompt nothing else of the row is compared",
        tests=(f"{PROOFS}::test_control_tokens_fails_around_and_inside_a_catalog",),
    ),
    Mutant(
        name="control_tokens_inside_a_catalog",
        file=CHECKS,
        old="inside = [token for token in actual[len(before) : end] if token not in allowed]",
        new="inside = list[int]()",
        why="a tool's description may end the turn",
        tests=(f"{PROOFS}::test_control_tokens_fails_around_and_inside_a_catalog",),
    ),
    Mutant(
        name="turns_that_are_no_tokens",
        file=CHECKS,
        old="if missing := [token for token in oracle.turn_tokens if token not in known]:",
        new="if missing := list[str]():",
        why="a tokenizer without the family's end of turn is accepted",
        tests=("chat/test_missing_tokens.py",),
    ),
    Mutant(
        name="only_special_tokens_are_control",
        file=CHECKS,
        old="if oracle.is_control(token.content, special=token.special))",
        new="if token.special)",
        why="a live tool_call marker in content is not seen",
        tests=("chat/test_conformance.py::test_every_added_token_has_a_class_and_the_oracle_agrees",),
    ),
    Mutant(
        name="turns_without_a_row",
        file=PROVE,
        old="if seen < len(turns):",
        new="if not seen and turns:",
        why="a turn that no row trains is not missed",
        tests=(f"{PROOFS}::test_loss_mask_fails_on_a_broken_mask",),
    ),
    Mutant(
        name="cut_rows_are_not_proven",
        file=PROVE,
        old="if row.replaced_by is not None:",
        new="if False:",
        why="rows that were cut to fit skip every proof",
        tests=(f"{LONG}::test_proofs_fail_on_a_broken_cut",),
    ),
    Mutant(
        name="turns_of_cut_rows_as_a_set",
        file=PROVE,
        old="if sorted([*trained, *replacement.lost]) != [span.message_index for span in spans]:",
        new="if {*trained, *replacement.lost} != {span.message_index for span in spans}:",
        why="a turn is trained in two cut rows",
        tests=(f"{LONG}::test_proofs_fail_on_a_broken_cut",),
    ),
    Mutant(
        name="cut_history_is_not_checked",
        file=PROVE,
        old="if reason := check_cut_history(messages, kept=cut.kept, trained=cut.message_indices):",
        new='if reason := "":',
        why="a cut row shows a history that no agent would send",
        tests=(f"{LONG}::test_proofs_refuse_a_history_with_a_hole",),
    ),
    Mutant(
        name="end_of_cut_row",
        file=CUT,
        old="if kept[-1] != trained[-1]:",
        new="if False:",
        why="a cut row ends in messages that nothing is learned from",
        tests=("chat/test_cut_history.py",),
    ),
    Mutant(
        name="cut_row_without_system_prompt",
        file=CUT,
        old="if list(kept[: len(prompts)]) != prompts:",
        new="if False:",
        why="the agent's instructions are cut off",
        tests=("chat/test_cut_history.py",),
    ),
    Mutant(
        name="gap_inside_a_cut_history",
        file=CUT,
        old="if any(_is_reply(messages[index]) for index in opening) or not all(map(_is_reply, removed)):",
        new="if not all(map(_is_reply, removed)):",
        why="results are missing in the middle of a history",
        tests=("chat/test_cut_history.py",),
    ),
    Mutant(
        name="cut_history_out_of_order",
        file=CUT,
        old="if list(kept) != sorted(set(kept)) or",
        new="if",
        why="messages of a cut row change places",
        tests=("chat/test_cut_history.py",),
    ),
    Mutant(
        name="report_without_rows_is_green",
        file=REPORT,
        old="result.rows_checked and not result.n_failures for",
        new="not result.n_failures for",
        why="a proof over no rows is green",
        tests=(f"{PROOFS}::test_proofs_without_a_row_are_not_green",),
    ),
    Mutant(
        name="report_without_a_proof_is_green",
        file=REPORT,
        old="return set(self.results) == set(Proof) and all(",
        new="return all(",
        why="a proof that was not run is green",
        tests=(f"{SHOWN}::test_report_that_lacks_a_proof_is_not_green",),
    ),
    Mutant(
        name="failures_counted_as_shown",
        file=REPORT,
        old="n_failures=len(failures.get(proof, [])),",
        new="n_failures=len(failures.get(proof, [])[:SHOWN_FAILURES]),",
        why="a thousand failures look like twenty",
        tests=(f"{SHOWN}::test_report_counts_more_failures_than_it_shows",),
    ),
    Mutant(
        name="oracle_without_end_of_turn",
        file="chat/proofs/gemma3_oracle.py",
        old='return [OraclePart("\\n".join([text, *calls] if text else calls)), END]',
        new='return [OraclePart("\\n".join([text, *calls] if text else calls))]',
        why="the oracle no longer knows what a turn is",
        tests=(f"{PROOFS}::test_serving_prompt_fails_on_a_template_with_other_text",),
    ),
    Mutant(
        name="oracle_ignores_types_of_arguments",
        file="chat/proofs/oracle.py",
        old="return json.dumps(value, sort_keys=True)",
        new='return json.dumps(value, sort_keys=True).replace(\'"\', "")',
        why='"7" and 7 are the same argument',
        tests=(f"{PROOFS}::test_parser_fails_on_cast_arguments",),
    ),
)
