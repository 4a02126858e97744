"""A warehouse with merged models that can be served: real manifests and pointers, a small tokenizer, no real weights.

What a model "answers" is the text of its weights file, so that a test can tell models apart.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from toolft_pipeline.evaluation.promotion.model_registry import champion_to_beat, promote
from toolft_pipeline.evaluation.promotion.variant_identity import variant_identity
from toolft_pipeline.evaluation.promotion.variants import VariantVerdict, write_variants
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in
from toolft_pipeline_tests.engines.model_folders import token_of, write_adapter

AGENT = "tester"
FORMAT = "qwen3"
STOP = "<|im_end|>"
DAYS = ("2026-10-01", "2026-10-02", "2026-10-03")
CHAT: dict[str, Json] = {"format": FORMAT, "catalog_mode": "none", "system_prompt": "keep", "thinking": "drop"}

FIND = {
    "name": "find_order",
    "description": "Find an order.",
    "inputSchema": {
        "type": "object",
        "properties": {"number": {"type": "integer", "description": "Its number."}},
        "required": ["number"],
    },
}
CLOSE = {
    "name": "close_ticket",
    "description": "Close a ticket.",
    "inputSchema": {
        "type": "object",
        "properties": {"title": {"type": "string"}, "ticket": {"type": "integer"}},
        "required": ["ticket", "title"],
    },
}


@cache
def _tokenizer_folder() -> Path:
    from toolft_pipeline.chat.formats import get_format
    from toolft_pipeline.chat.rendering.serving import install_chat_format
    from toolft_pipeline.settings import CatalogMode

    tokenizer = stand_in(FORMAT)
    install_chat_format(tokenizer, get_format(FORMAT), CatalogMode.NONE)
    folder = Path(mkdtemp(prefix="tokenizer"))
    tokenizer.save_pretrained(folder)
    return folder


def _write_base(folder: Path) -> None:
    shutil.copytree(_tokenizer_folder(), folder)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 4096}))
    (folder / "model.safetensors").write_text("the base")
    (folder / "stop.json").write_text(json.dumps(token_of(folder, STOP)))  # read by the local vLLM server


@cache
def _three_models() -> Path:
    root = Path(mkdtemp(prefix="desk"))
    desk = DeskWarehouse(root)
    for day in DAYS:
        desk.model(day, day)
    return root


def desk_with_models(root: Path) -> tuple[DeskWarehouse, list[Version]]:
    """A warehouse with a model of each day, whose answer is its day; the first is in service."""
    shutil.copytree(_three_models(), root, dirs_exist_ok=True)
    desk = DeskWarehouse(root)
    keys = [ArtifactKey(agent=AGENT, asset="merged_model", partition=day) for day in DAYS]
    models = [version for key in keys if (version := desk.warehouse.current(key)) is not None]
    desk.promote(models[0])
    return desk, models


class DeskWarehouse:
    """The warehouse of one agent, and the steps of its nights."""

    def __init__(self, root: Path, *, format_name: str = FORMAT) -> None:
        self.chat: dict[str, Json] = {**CHAT, "format": format_name}
        self.warehouse = Warehouse(root / "warehouse")
        self.agent_folder = root / "agent"
        self.agent_folder.mkdir(parents=True, exist_ok=True)
        (self.agent_folder / "catalog.json").write_text(json.dumps({"tools": [FIND, CLOSE]}))

    def settings(
        self, *, chat: dict[str, Any] | None = None, evaluation: dict[str, Any] | None = None, **serving: Any
    ) -> AgentSettings:
        """The agent file, with a pointer that is looked at often."""
        return agent(
            self.agent_folder,
            chat=chat or self.chat,
            evaluation=evaluation or {},
            serving={"follow_s": 0.01, **serving},
        )

    def judge(self, model: Version, variant: Variant, settings: AgentSettings, *, passed: bool = True) -> None:
        """Write the report of a gate that judged a model behind a safety net."""
        reasons = () if passed else ("parse_rate is low",)
        verdict = VariantVerdict(
            variant=variant.value,
            model=model.manifest.content_digest,
            passed=passed,
            reasons=reasons,
            wins=0,
            losses=0,
            identity=variant_identity(variant, settings),
        )
        self._commit("eval_report", model.manifest.address.partition, {}, lambda out: write_variants([verdict], out))

    def catalog(self, tools: Sequence[dict[str, Any]]) -> Version:
        """A new version of the tool catalog."""
        text = json.dumps({"tools": list(tools)})
        return self._commit("tool_catalog", None, {}, lambda out: (out / "catalog.json").write_text(text))

    def rows(self, day: str, catalog: Version, text: str = "rows") -> Version:
        """The training rows of a day, made with a catalog."""
        inputs = {"tool_catalog/all": catalog.manifest.content_digest}
        return self._commit("chat_rows", day, inputs, lambda out: (out / "rows").write_text(text))

    def base(self) -> Version:
        """The base that adapters are trained on, as far as a server's start looks at it."""
        return self._commit("base_model", None, {}, lambda out: _write_base(out / "model"))

    def model(
        self,
        day: str,
        answer: str,
        *,
        rows: Version | None = None,
        checks_pass: bool = True,
        folder: Path | None = None,
        base: Version | None = None,
        adapter_config: dict[str, Any] | None = None,
        full: bool = False,
    ) -> Version:
        """A merged model with everything upstream of it; with `folder` it has the real weights that lie there.

        With `base` its adapter is a PEFT folder over that base, with more keys of its config in `adapter_config`, or
        with `full` a folder of all weights.
        """
        rows = rows or self.rows(day, self.catalog([FIND, CLOSE]))
        rows_day = rows.manifest.address.partition
        tensors = self._commit(
            "token_tensors",
            rows_day,
            {f"chat_rows/{rows_day}": rows.manifest.content_digest},
            lambda out: (out / "tensors").write_text(rows.manifest.content_digest),
        )

        def write_trained(out: Path) -> None:
            if base is None:
                (out / "adapter").write_text(answer)
            elif full:
                (out / "adapter").mkdir()
                (out / "adapter" / "config.json").write_text("{}")
            else:
                write_adapter(out / "adapter", rank=8, **(adapter_config or {}))
                (out / "adapter" / "adapter_model.safetensors").write_text(answer)

        trained_on = {} if base is None else {"base_model/all": base.manifest.content_digest}
        adapter = self._commit(
            "qlora_adapter",
            day,
            {f"token_tensors/{rows_day}": tensors.manifest.content_digest, **trained_on},
            write_trained,
        )

        def write(out: Path) -> None:
            (out / "model").mkdir()
            for file in (folder or _tokenizer_folder()).iterdir():
                (out / "model" / file.name).write_bytes(file.read_bytes())
            if folder is None:
                (out / "model" / "model.safetensors").write_text(answer)
            names = ("merged_logits", "reload_same_tokens")
            (out / "checks.json").write_text(json.dumps({name: {"passed": checks_pass} for name in names}))

        inputs = {f"qlora_adapter/{day}": adapter.manifest.content_digest}
        return self._commit("merged_model", day, inputs, write, content=("model",))

    def promote(self, model: Version) -> None:
        """Put a model in service, as `champion` does."""
        digest = model.manifest.content_digest
        before = champion_to_beat(self.warehouse, AGENT, candidate=digest)
        against = None if before is None else before.content_digest
        day = model.manifest.address.partition
        assert day is not None
        assert promote(self.warehouse, AGENT, day=day, model=model, against=against).moved

    def _commit(
        self,
        asset: str,
        day: str | None,
        inputs: dict[str, str],
        write: Callable[[Path], object],
        *,
        content: tuple[str, ...] | None = None,
    ) -> Version:
        address = ArtifactKey(agent=AGENT, asset=asset, partition=day)
        recorded: dict[str, Json] = {
            "chat_rows": {"chat": self.chat},
            "qlora_adapter": {"training": {"quantization": "none"}},
        }
        settings = recorded.get(asset, {})
        with self.warehouse.staging(address) as staged:
            write(staged)
            names = content or tuple(sorted(path.name for path in staged.iterdir()))
            read = [*sorted(staged.iterdir()), *sorted((staged / "adapter").glob("*"))]
            texts = [path.read_text() for path in read if path.is_file()]
            code = json.dumps([names, texts])
            recipe = Recipe(
                address=address,
                fingerprint=fingerprint_of(code_version=code, settings=settings, inputs=inputs),
                code_version=code,
                settings=settings,
                inputs=inputs,
            )
            built = BuildOutput(content=names, rows={}, headline={})
            return self.warehouse.commit(staged, recipe, built, run_id=None, started=0.0)
