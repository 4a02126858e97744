"""The folder of a merged model as other servers read it, written beside the version that it is made from.

Invariant: weights, tokenizer and prompts are the model's own; what changes is the notation that a server cannot read.
transformers reads the folder as it is. vLLM's reader of response templates knows the fields `thinking`, `content` and
`tool_calls`, and no `join`. llama.cpp's reader of chat templates knows no `\\x01`.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.settings.serving import EngineName

CONFIG = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"

_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")
"""An escape in a string of a template; a backslash that is itself escaped begins none."""


def write_server_folder(
    folder: Path,
    out: Path,
    *,
    server: EngineName,
    stops: Sequence[str] = (),
    quantization: str = "BF16",
    progress: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Write a model folder for a server into `out`, which must not exist; returns what the server is started with.

    Raises `EngineError` or `GgufError`.
    """
    if out.exists():
        raise EngineError(f"{out}: exists already; name a new folder")
    out.mkdir(parents=True)
    progress(f"writing {out} for {server}")
    if server is EngineName.LLAMA_CPP:
        from toolft_pipeline.engines.gguf.export import export_model

        file = out / f"model-{quantization}.gguf"
        template = llama_cpp_template((folder / TEMPLATE).read_text(encoding="utf-8"))
        export_model(folder, file, quantization=quantization, stops=stops, chat_template=template)
        return file
    shutil.copytree(folder, out, dirs_exist_ok=True)
    if server is EngineName.VLLM:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if "response_template" not in config:
            raise EngineError(f"{folder / CONFIG}: has no response_template; name a folder that merged_model wrote")
        config["response_template"] = vllm_response_template(config["response_template"])
        (out / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return out


def vllm_response_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """A response template that vLLM's `--tool-call-parser response_template` accepts, and reads alike.

    vLLM takes the stop token off the text before it parses, and drops a call whose closing mark is missing. A call that
    a stop token alone closes (Llama 3) is therefore left open, so of several calls in a turn none is read: start vLLM
    with `--tool-call-parser llama3_json` for that family.
    """
    changed = copy.deepcopy(dict(template))
    fields = {("thinking" if name == "reasoning_content" else name): field for name, field in changed["fields"].items()}
    fields["content"] = {key: value for key, value in fields["content"].items() if key not in {"join", "repeats"}}
    if "close" not in fields["tool_calls"]:
        fields["tool_calls"].pop("close_pattern", None)
    return {**changed, "fields": fields}


def llama_cpp_template(template: str) -> str:
    """A chat template without escapes that llama.cpp's reader does not know: the characters themselves stand there."""
    return _ESCAPE.sub(lambda found: found[1] + chr(int(found[2] or found[3], 16)), template)
