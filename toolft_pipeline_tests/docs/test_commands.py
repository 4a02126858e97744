"""The check of commands in pages finds what would not run."""

from __future__ import annotations

import pytest

from toolft_pipeline_tests.docs.commands import problems
from toolft_pipeline_tests.docs.settings_keys import unknown_key

WRONG = {
    "toolft runn helpdesk": "invalid choice",
    "toolft run helpdesk --dryrun": "unrecognized arguments",
    "toolft run helpdesk --stage chat_row": "no asset chat_row",
    "toolft show helpdesk report": "no asset report",
    "toolft lint x.jsonl --format openapi": "invalid choice",
    "toolft run helpdesk --set training.epoch=2": "no setting training.epoch",
    "toolft lint": "required",
    "make everything": "no target everything",
    "cd x && make everything": "no target everything",
    "HF_HUB_OFFLINE=1 python -m benchmarks.nothing": "no module",
    "python -m benchmarks.judge --hasty": "no option --hasty",
    "python backend/serve.py": "no backend/serve.py",
    "pip install 'toolft_pipeline[gpu]'": "no extra gpu",
    "pytest toolft_pipeline_tests/chats": "no toolft_pipeline_tests/chats",
    "tolft doctor": "unknown program",
}
RIGHT = [
    "toolft run <agent> --dry-run",
    "toolft run AGENT --from DAY --to DAY --stage chat_rows --force",
    "toolft show AGENT ASSET --json",
    "make demo  # the whole pipeline",
    "cd project && toolft doctor",
    "python -m benchmarks.judge --quick",
    "pip install 'toolft_pipeline[endpoints]'",
    "export DAGSTER_HOME=$PWD",
]


@pytest.mark.parametrize("line", WRONG)
def test_problems_name_what_would_not_run(line: str) -> None:
    assert WRONG[line] in "\n".join(problems(line))


@pytest.mark.parametrize("line", RIGHT)
def test_problems_has_none_for_what_runs(line: str) -> None:
    assert list(problems(line)) == []


def test_problems_lets_a_sentence_name_a_command() -> None:
    assert list(problems("toolft rollback", in_sentence=True)) == []


@pytest.mark.parametrize("key", ["training.epoch", "verification.grounding.id", "gate.shadow.run", "nothing.here"])
def test_unknown_key_finds_misspelt_keys(key: str) -> None:
    assert unknown_key(key)


@pytest.mark.parametrize("key", ["gate.shadow.runs", "evaluation.endpoints.NAME.model", "training.sft.max_steps"])
def test_unknown_key_lets_known_keys_pass(key: str) -> None:
    assert not unknown_key(key)
