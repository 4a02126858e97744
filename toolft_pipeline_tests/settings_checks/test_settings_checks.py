"""Errors of an agent file are reported when it is read: file, key, value, what is expected, the closest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from toolft_pipeline.agent_file import RUN_CONFIG, SettingsError, load_agent

MINIMAL: dict[str, Any] = {
    "first_day": "2026-10-01",
    "catalog": {"file": "catalog.json"},
    "base_model": {"folder": "model"},
}
ENDPOINT = {"base_url": "https://models.example/v1", "model": "m"}
HOST = {"base_url": "https://host.example.com/v1", "model": "small-1"}


def write(folder: Path, text: str) -> Path:
    path = folder / "desk" / "agent.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def lines(path: Path, **how: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load_agent(path, **how)
    return raised.value.lines


@pytest.mark.parametrize(
    ("section", "key", "words"),
    [
        ({"chat": {"format": "gemma9"}}, "chat.format", ["'gemma9'", "did you mean gemma"]),
        ({"chat": {"system_prompt": "stripp"}}, "chat.system_prompt", ["'stripp'", "did you mean strip?"]),
        ({"chat": {"system_prompt": "striptools"}}, "chat.system_prompt", ["did you mean strip_tools?"]),
        ({"chat": {"system_prompt": "replace:"}}, "chat.system_prompt", ["no text after"]),
        ({"chat": {"thinking": "kep"}}, "chat.thinking", ["'kep'", "did you mean keep?"]),
        ({"chat": {"catalog_mode": "nmaes"}}, "chat.catalog_mode", ["did you mean names?"]),
        ({"evaluation": {"compare": ["gpt"]}}, "evaluation.compare.0", ["'gpt'", "base, base_catalog"]),
        ({"evaluation": {"compare": ["base", "bsae_catalog"]}}, "evaluation.compare.1", ["did you mean base_catalog?"]),
        (
            {"evaluation": {"compare": ["larg"], "endpoints": {"large": ENDPOINT}}},
            "evaluation.compare.0",
            ["did you mean large?"],
        ),
        ({"evaluation": {"compare": ["candidate"]}}, "evaluation.compare.0", ["is in every report"]),
        ({"evaluation": {"compare": ["numpy"]}}, "evaluation.compare.0", ["has no .gguf file"]),
        (
            {"evaluation": {"endpoints": {"large": ENDPOINT | {"modle": "x"}}}},
            "evaluation.endpoints.large.modle",
            ["unknown key", "did you mean model?"],
        ),
        (
            {"managed": HOST, "evaluation": {"variants": ["constrained"]}},
            "evaluation.variants",
            ["stays at its host"],
        ),
        (
            {"evaluation": {"variants": ["constrained"], "engine": "llama_cpp"}},
            "evaluation.variants",
            ["needs evaluation.engine: transformers, llama_cpp applies no grammar"],
        ),
        (
            {"serving": {"constrained": True, "engine": {"name": "llama_cpp"}}},
            "serving.constrained",
            ["needs serving.engine.name: transformers, llama_cpp applies no grammar"],
        ),
        ({"managed": HOST, "training": {"replay_share": 0.1}}, "training.replay_share", ["trains one at a host"]),
        ({"managed": HOST | {"api": "opnai"}}, "managed.api", ["'opnai'"]),
        (
            {"managed": HOST | {"hyperparameters": {"wandb_api_key": "x"}}},
            "managed.hyperparameters",
            ["every manifest"],
        ),
        ({"managed": HOST | {"base_url": "https://me:secret@host/v1"}}, "managed.base_url", ["managed.key_from"]),
        ({"training": {"peft": {"rr": 1}}}, "training.peft.rr", ["peft.LoraConfig has no such setting"]),
        ({"training": {"peft": {"use_rslra": True}}}, "training.peft.use_rslra", ["did you mean use_rslora?"]),
        ({"training": {"peft": {"use_rslora": "yes please"}}}, "training.peft.use_rslora", ["bool", "'yes please'"]),
        ({"training": {"peft": {"target_modules": "all-linear"}}}, "training.peft.target_modules", ["target_modules"]),
        ({"training": {"peft": {"r": 64}}}, "training.peft.r", ["set training.lora_r"]),
        ({"training": {"sft": {"max_grad_nrom": 1.0}}}, "training.sft.max_grad_nrom", ["did you mean max_grad_norm?"]),
        ({"training": {"sft": {"learning_rate": 1.0}}}, "training.sft.learning_rate", ["set training.learning_rate"]),
        ({"training": {"sft": {"weight_decay": "1e-2"}}}, "training.sft.weight_decay", ["float", "write 0.01"]),
        (
            {"training": {"sft": {"lr_scheduler_type": "cosin"}}},
            "training.sft.lr_scheduler_type",
            ["did you mean cosine?"],
        ),
        ({"training": {"sft": {"optim": "adamw"}}}, "training.sft.optim", ["adamw_torch"]),
        ({"training": {"epoch": 2}}, "training.epoch", ["did you mean epochs?"]),
        ({"epochs": 2}, "epochs", ["did you mean training.epochs?"]),
        ({"training": {"method": "qlorra"}}, "training.method", ["'qlorra'", "did you mean qlora?"]),
        ({"training": {"quantization": "none"}}, "training.quantization", ["is now training.method", "lora for none"]),
        ({"training": {"method": "full", "kl_weight": 0.1}}, "training.kl_weight", ["needs an adapter"]),
        ({"training": {"method": "full", "peft": {"use_rslora": True}}}, "training.peft", ["needs an adapter"]),
        ({"serving": {"engine": {"adapters": True}}}, "serving.engine.adapters", ["serving.engine.name: vllm"]),
        (
            {"serving": {"engine": {"name": "vllm", "adapters": True}}, "training": {"method": "full"}},
            "serving.engine.adapters",
            ["training.method: full trains none"],
        ),
        (
            {"serving": {"engine": {"name": "vllm", "adapters": True}}, "training": {"peft": {"use_dora": True}}},
            "serving.engine.adapters",
            ["training.peft.use_dora"],
        ),
        (
            {"serving": {"engine": {"name": "vllm", "adapters": True, "max_lora_rank": 8}}},
            "serving.engine.max_lora_rank",
            ["8 is below training.lora_r (16)"],
        ),
        ({"training": {"sft": {"report_to": "wandb"}}}, "training.sft.report_to", ["set training.report_to"]),
        ({"training": None}, "training", ["got nothing", "add keys below it"]),
        ({"training": {"target_modules": []}}, "training.target_modules", ["at least one"]),
        ({"schedule": {"time_zone": "Europe/Berln"}}, "schedule.time_zone", ["did you mean Europe/Berlin?"]),
        ({"schedule": {"time_zone": "Europe"}}, "schedule.time_zone", ["no time zone named 'Europe'"]),
        ({"schedule": {"time_zone": "../UTC"}}, "schedule.time_zone", ["no time zone"]),
        ({"schedule": {"hour": 24}}, "schedule.hour", ["less than or equal to 23", "24"]),
        ({"retention": {"hour": -1}}, "retention.hour", ["-1"]),
        ({"first_day": "2026-02-30"}, "first_day", ["2026-02-30", "not a valid date"]),
        ({"first_day": "0001-01-01"}, "first_day", ["1970"]),
        ({"owner": "ml platform"}, "owner", ["team:NAME", "'ml platform'"]),
        ({"sandbox": {"kind": "mcp_stdoi", "command": ["x"]}}, "sandbox.kind", ["did you mean mcp_stdio?"]),
        ({"logs": {"format": "lanchain"}}, "logs.format", ["did you mean langchain?"]),
        ({"catalog": {"mcp": True}}, "catalog.mcp", ["needs a sandbox section"]),
        ({"base_model": {"folder": "m", "revision": "abc"}}, "base_model.revision", ["base_model.hub"]),
        ({"base_model": {"folder": "m", "sha256": "abc"}}, "base_model.sha256", ["64 hexadecimal digits"]),
        (
            {"sandbox": {"command": ["python"], "reset_tool": "x", "snapshot_tool": "x"}},
            "sandbox.snapshot_tool",
            ["sandbox.reset_tool"],
        ),
        ({"sandbox": {"comand": ["python"]}}, "sandbox.comand", ["did you mean command?"]),
        ({"verification": {"redaction": {"patterns": ["(?<=x)y"]}}}, "verification.redaction.patterns", ["RE2"]),
        ({"verification": {"error_forms": ["("]}}, "verification.error_forms", ["not a valid regular expression"]),
        ({"answers": {"done": ["("]}}, "answers.done", ["not a valid regular expression"]),
        ({"answers": {"refused": ["no", "(?i)nope"]}}, "answers.refused", ["(?i)nope", "flags"]),
        ({"answers": {"refused": ["x*"]}}, "answers.refused", ["matches every answer", "write the words"]),
        ({"verification": {"redaction": {"personal_data": ["emial"]}}}, "redaction.personal_data.0", ["mean email?"]),
        ({"curation": {"weights": {"single_cal": 2}}}, "curation.weights.single_cal", ["did you mean single_call?"]),
        (
            {"verification": {"opening_assistant_turn": "keep"}, "chat": {"system_prompt": "strip"}},
            "verification.opening_assistant_turn",
            ["chat.system_prompt: strip"],
        ),
        ({"curation": {"weights": {"no_tool": 9}}}, "curation.weights.no_tool", ["curation.max_weight"]),
        ({"evaluation": {"max_tasks": 10, "few_shot_tasks": 20}}, "evaluation.few_shot_tasks", ["max_tasks"]),
        ({"evaluation": {"max_tasks": 10}, "gate": {"min_tasks": 20}}, "gate.min_tasks", ["every candidate"]),
        ({"evaluation": {"max_new_tokens": 4096}}, "evaluation.max_new_tokens", ["max_task_tokens"]),
        ({"training": {"warmup_ratio": 0.1, "sft": {"warmup_steps": 5}}}, "training.sft.warmup_steps", ["keep one"]),
        ({"name": "other"}, "name", ["the location of the file"]),
        ({"folder": "/elsewhere"}, "folder", ["the location of the file"]),
    ],
    ids=str,
)
def test_load_agent_wrong_value_names_file_key_and_fix(
    tmp_path: Path, section: dict[str, Any], key: str, words: list[str]
) -> None:
    path = write(tmp_path, yaml.safe_dump(MINIMAL | section))
    found = [line for line in lines(path) if f"{key}: " in line]
    assert len(found) == 1, lines(path)
    assert found[0].startswith(f"{path}: ")
    assert all(word in found[0] for word in words), found[0]
    assert "\n" not in found[0]


def test_load_agent_reports_every_error_at_once(tmp_path: Path) -> None:
    wrong = {
        "catalog": {"file": "a.json", "module": "tools"},
        "chat": {"format": "gemma9", "thinking": "kep"},
        "evaluation": {"compare": ["gpt"], "max_turns": 0},
        "training": {"peft": {"rr": 1}, "epochs": "many"},
        "schedule": {"time_zone": "Europe/Berln", "hour": 99},
        "trainning": {},
    }
    path = write(tmp_path, yaml.safe_dump({"base_model": {"folder": "model"}} | wrong))
    found = lines(path)
    keys = [line.removeprefix(f"{path}: ").partition(": ")[0] for line in found]
    assert sorted(keys) == [
        "catalog",
        "chat.format",
        "chat.thinking",
        "evaluation.compare.0",
        "evaluation.max_turns",
        "first_day",
        "schedule.hour",
        "schedule.time_zone",
        "training.epochs",
        "training.peft.rr",
        "trainning",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("first_day: 2026-10-01\nfirst_day: 2026-10-02\n", "line 2: duplicate key 'first_day', also in line 1"),
        ("training:\n  epochs: 1\n  seed: 0\n  epochs: 2\n", "line 4: duplicate key 'epochs', also in line 2"),
        ("a: [", "cannot be read as YAML"),
        ("[" * 4000, "cannot be read as YAML"),
        ("a: &x [*x]\n", "unknown key"),
        ("a: !!python/object:os.system x\n", "cannot be read as YAML"),
        ("", "found an empty file"),
        ("{1: 2}", "1: "),
    ],
)
def test_load_agent_unusable_yaml_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in line for line in lines(write(tmp_path, text)))


def test_load_agent_binary_file_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as YAML" in lines(path)[0]
    path.unlink()
    path.mkdir()
    assert "cannot be read as YAML" in lines(path)[0]


def test_load_agent_unquoted_date_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(MINIMAL).replace("'2026-10-01'", "2026-10-01"))
    assert "first_day: 2026-10-01\n" in path.read_text()
    assert load_agent(path).first_day == "2026-10-01"
    assert load_agent(path, overrides={"first_day": "2026-10-03"}).first_day == "2026-10-03"


def test_load_agent_wrong_override_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(MINIMAL | {"evaluation": {"few_shot_tasks": 24}}))
    for key, value in {
        "chat.format": "gemma9",
        "training.epochs": "many",
        "trainning.epochs": "1",
        "training.peft.rr": "1",
        "evaluation.compare": '["gpt"]',
        "first_day.x": "1",
        "training.seed": "[",
        "evaluation.max_tasks": "10",
    }.items():
        (line,) = lines(path, overrides={key: value})
        assert line.startswith(f"--set {key}={value}: "), line
        assert str(path) not in line
    (line,) = lines(path, overrides={"chat.format": "gemma9"}, overrides_named=RUN_CONFIG)
    assert line.startswith("override chat.format: gemma9 (of the run's config): chat.format: ")


def test_load_agent_valid_override_does_not_hide_a_files_error(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(MINIMAL | {"schedule": {"hour": 24}}))
    (line,) = lines(path, overrides={"training.epochs": "2"})
    assert line.startswith(f"{path}: schedule.hour: ")


def test_load_agent_message_quotes_no_secret(tmp_path: Path) -> None:
    secret = "hush-7f3a9c"
    wrong = {
        "sandbox": {"command": f"serve --token {secret}", "env": {"TOKEN": [secret]}},
        "alerts": {"slack": {"url_from": f"https://hooks.example/{secret}"}},
    }
    found = lines(write(tmp_path, yaml.safe_dump(MINIMAL | wrong)))
    assert len(found) == 3
    assert not any(secret in line for line in found)


@pytest.mark.parametrize(
    "section",
    [
        {"chat": {"system_prompt": "replace: Be brief."}},
        {"training": {"sft": {"weight_decay": 0, "lr_scheduler_type": "linear", "optim": "adamw_torch"}}},
        {"training": {"sft": {"gradient_checkpointing": True, "max_grad_norm": 0.3, "eval_steps": 10}}},
        {"training": {"peft": {"use_dora": True, "init_lora_weights": "orthogonal", "exclude_modules": ["q_proj"]}}},
        {"training": {"peft": {"layers_to_transform": [0, 1], "exclude_modules": None}}},
        {"evaluation": {"compare": ["base", "large"], "endpoints": {"large": ENDPOINT}}},
        {"evaluation": {"max_tasks": 10}},
        {"managed": HOST | {"api": "together", "hyperparameters": {"n_epochs": 2}}},
        {"gate": {"shadow": {"runs": 2}}, "sandbox": {"command": ["python"]}},
        {"schedule": {"time_zone": "America/Argentina/Buenos_Aires"}},
        {"owner": "someone@example.com"},
    ],
    ids=str,
)
def test_load_agent_valid_settings_are_accepted(tmp_path: Path, section: dict[str, Any]) -> None:
    load_agent(write(tmp_path, yaml.safe_dump(MINIMAL | section)))
