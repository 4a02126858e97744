"""One model judged from end to end: a scripted oracle, and a tiny random model in every prompt policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, PromptPolicy, make_prompter
from toolft_pipeline.evaluation.scoring.evaluate import EvaluationError, evaluate, evaluate_model, read_metrics
from toolft_pipeline.evaluation.scoring.tables import read_rollouts, read_steps
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, golden_examples, oracle, prepared

AGENT_FILE = REPOSITORY / "data" / "assistant" / "agent.yaml"
AGENT = load_agent(AGENT_FILE)
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))
CATALOG = AGENT.path("catalog.json")


def _evaluate(model: ScriptedModel, out: Path, agent: AgentSettings = AGENT) -> None:
    evaluate(
        prepared(model), tasks=TASKS, settings=agent, catalog=load_catalog(CATALOG), out=out,
        progress=lambda _line: None,
    )  # fmt: skip


def test_evaluate_oracle_scores_one_in_every_rate(tmp_path: Path) -> None:
    model = ScriptedModel(oracle(TASKS))
    _evaluate(model, tmp_path)
    metrics = read_metrics(tmp_path)
    rates = (metrics.parse_rate, metrics.right_tool, metrics.valid_arguments, metrics.exact_match, metrics.fuzzy_match)
    assert [rate.value for rate in (*rates, metrics.task_success)] == [1.0] * 6
    assert metrics.hallucinated_tool.value == 0.0
    assert metrics.n_tasks == len(TASKS) == len(read_rollouts(tmp_path))
    assert metrics.n_steps == len(read_steps(tmp_path)) > metrics.n_call_steps > 0
    assert metrics.failures == metrics.failure_modes == metrics.parse_faults == {}
    assert metrics.functional_basis == "effect"
    assert metrics.functional_match.value == 1.0
    assert sum(part["n_steps"] for part in metrics.by_turn.values()) == metrics.n_steps
    assert all(list(row) == [tool] for tool, row in metrics.confusion.items())
    assert sum(part["n_tasks"] for part in metrics.by_category.values()) == len(TASKS)


def test_evaluate_twice_writes_the_same_tables(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _evaluate(ScriptedModel(lambda messages: f"I have {len(messages)} messages."), tmp_path / name)
    for file in ("steps.parquet", "metrics.json", "rollouts.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_evaluate_names_how_a_model_fails_and_whose_fault_it_is(tmp_path: Path) -> None:
    """One task in three gets a made-up tool, one a cut call, one a call in a syntax that the parser does not know."""
    said = [
        call("compute", expression="1"),
        '<tool_call>{"name": "calculate", "argum',
        '{"name": "calculate", "arguments": {"expression": "1"}}',
    ]
    asked = [task.user_turns[0] for task in TASKS]

    def answer(messages: list[Message]) -> str:
        first = next(message["content"] for message in messages if message["role"] == "user")
        return said[asked.index(first) % 3]

    _evaluate(ScriptedModel(answer), tmp_path)
    metrics = read_metrics(tmp_path)
    assert set(metrics.parse_faults) == {"malformed", "lost"}
    assert set(metrics.failure_modes) >= {"made_up_tool", "malformed_call", "lost_call"}
    assert sum(metrics.parse_faults.values()) < metrics.n_steps
    assert {tool for row in metrics.confusion.values() for tool in row} == {"(answers)", "(made up)", "(unreadable)"}
    for rollout in read_rollouts(tmp_path):
        assert bool(rollout.modes) == (not rollout.passed)
    assert {step.parse_fault for step in read_steps(tmp_path)} == {None, "malformed", "lost"}


def test_evaluate_without_a_sandbox_gives_steps_and_no_rollouts(tmp_path: Path) -> None:
    _evaluate(ScriptedModel(oracle(TASKS)), tmp_path, AGENT.model_copy(update={"sandbox": None}))
    metrics = read_metrics(tmp_path)
    assert (metrics.n_tasks, metrics.task_success.low, metrics.task_success.high) == (0, 0.0, 1.0)
    assert (metrics.functional_basis, metrics.functional_match.value) == ("similarity", 1.0)
    assert read_rollouts(tmp_path) == []


def test_evaluate_without_tasks_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no tasks"):
        evaluate(
            prepared(ScriptedModel(oracle([]))), tasks=[], settings=AGENT, catalog=load_catalog(CATALOG), out=tmp_path,
            progress=print,
        )  # fmt: skip


def _installed(folder: Path, to: Path) -> Path:
    """The tiny model with the agent's template, as a merged model has it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from toolft_pipeline.chat.formats import get_format
    from toolft_pipeline.chat.rendering.serving import install_chat_format

    tokenizer = AutoTokenizer.from_pretrained(folder)
    install_chat_format(tokenizer, get_format("gemma3"), CatalogMode.NONE)
    tokenizer.save_pretrained(to)
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(to)
    return to


def test_evaluate_model_tiny_random_weights_under_every_policy(tiny_model_folder: Path, tmp_path: Path) -> None:
    tasks = sample_tasks(TASKS, 4)
    merged = _installed(tiny_model_folder, tmp_path / "merged")
    saved = {}
    for policy in PromptPolicy:
        out = tmp_path / policy
        out.mkdir()
        probed = policy is PromptPolicy.FEW_SHOT  # once is enough: probes cost as much as all the rest
        overrides = {
            "evaluation.max_new_tokens": "6",
            "evaluation.probes": str(probed).lower(),
            "evaluation.max_probes": "12",
            "evaluation.single_requests": "2",
        }
        agent = load_agent(AGENT_FILE, overrides=overrides)
        folder = merged if policy is PromptPolicy.NONE else tiny_model_folder
        lines: list[str] = []
        metrics = evaluate_model(
            model=ModelUnderTest(name="candidate", folder=folder, policy=policy),
            tasks=tasks, settings=agent, catalog=CATALOG, out=out, progress=lines.append,
            answers=GenerationCache(),
        )  # fmt: skip
        assert metrics.n_tasks == 4
        assert metrics.parse_rate.value == 0.0
        assert set(json.loads((out / "metrics.json").read_text())["failures"]) >= {"malformed_call", "no_answer"}
        assert metrics.n_probes == (12 if probed else 0)
        assert metrics.n_single_requests == 2
        assert any(line.startswith("candidate: loading") for line in lines)
        saved[policy] = metrics.catalog_tokens_saved_per_turn
    assert saved[PromptPolicy.NONE] > 300


def test_prompter_examples_and_catalog_stand_before_the_task(gemma_tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gemma_tokenizer_folder)
    model = ModelUnderTest(name="base", folder=gemma_tokenizer_folder, policy=PromptPolicy.FEW_SHOT)
    prompter = make_prompter(
        model, chat=AGENT.chat, catalog=load_catalog(CATALOG), tokenizer=tokenizer, examples=golden_examples(AGENT)
    )
    text = tokenizer.decode(prompter.prompt([{"role": "user", "content": "How much is 1 + 1?"}]))
    assert text.startswith("<bos>")
    assert text.endswith("User: How much is 1 + 1?\n\nAssistant:")
    assert text.count("User:") == 1 + AGENT.evaluation.few_shot
    assert "search, calculate, send_email" in text
    assert "<tool_call>{" in text


def test_prompter_chat_model_is_asked_through_its_own_template(gemma_tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gemma_tokenizer_folder)
    tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    model = ModelUnderTest(name="other", folder=gemma_tokenizer_folder, policy=PromptPolicy.FULL_CATALOG)
    prompter = make_prompter(
        model, chat=AGENT.chat, catalog=load_catalog(CATALOG), tokenizer=tokenizer, examples=golden_examples(AGENT)
    )
    text = tokenizer.decode(prompter.prompt([{"role": "user", "content": "Hi"}]))
    assert text.startswith("[system]")
    assert text.endswith("[user]Hi[assistant]")
    assert '"name": "send_email"' in text


def test_draw_tasks_is_even_over_categories_whatever_the_order() -> None:
    drawn = sample_tasks(TASKS, 6)
    assert len({task.category for task in drawn}) == len({task.category for task in TASKS}) == 6
    assert sample_tasks(list(reversed(TASKS)), 6) == drawn
    assert {task.task_id for task in drawn} <= {task.task_id for task in sample_tasks(TASKS, 9)}
    assert len(sample_tasks(TASKS, None)) == len(TASKS)


def test_catalog_prompts_of_every_policy_have_the_tools_schemas(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The tuned model's own prompt has none; with the catalog the conversation after it is the same."""
    from transformers import AutoTokenizer

    merged = _installed(tiny_model_folder, tmp_path / "merged")
    catalog = load_catalog(CATALOG)
    messages: list[Message] = [{"role": "user", "content": "What is six times seven?"}]
    texts = {}
    for policy in (PromptPolicy.NONE, PromptPolicy.FEW_SHOT):
        folder = merged if policy is PromptPolicy.NONE else tiny_model_folder
        tokenizer = AutoTokenizer.from_pretrained(folder)
        before = tokenizer.chat_template
        for full in (False, True):
            prompter = make_prompter(
                ModelUnderTest(name="m", folder=folder, policy=policy), chat=AGENT.chat, catalog=catalog,
                tokenizer=tokenizer, examples=golden_examples(AGENT), with_catalog=full,
            )  # fmt: skip
            texts[policy, full] = tokenizer.decode(prompter.prompt(messages))
        assert tokenizer.chat_template == before
    descriptions = [tool.description for tool in catalog.tools]
    for policy in (PromptPolicy.NONE, PromptPolicy.FEW_SHOT):
        assert all(text in texts[policy, True] for text in descriptions)
        assert not any(text in texts[policy, False] for text in descriptions)
    asked = texts[PromptPolicy.NONE, False].removeprefix("<bos>")
    assert texts[PromptPolicy.NONE, True].endswith(asked[asked.index("What is six") :])
