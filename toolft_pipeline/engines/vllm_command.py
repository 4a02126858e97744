"""The command line that serves a model folder with vLLM, the name that it is served by, and the adapters it takes.

Invariant: the name holds the digest of the folder, so a server that runs already and was started for another model is
never taken for this one. An adapter that vLLM would refuse, or would apply otherwise than PEFT does, is never loaded:
vLLM reads one rank, alpha and rsLoRA for all modules and passes over the rest of the config, so an alpha of single
modules would change answers without an error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.model_folder import context_of, folder_digest
from toolft_pipeline.settings.serving import EngineSettings

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that `--max-lora-rank` accepts (vLLM's `MaxLoRARanks`)."""

LOADED_ADAPTERS = 2
"""Adapters that one batch may use: the champion's, and the candidate's or that of a champion on its way out. vLLM's
default is one, so requests of the second would wait for all of the first."""

_OWN = (
    *("--served-model-name", "--host", "--port", "--uds", "--api-key", "--generation-config"),
    *("--override-generation-config", "--max-model-len", "--max-num-seqs", "--tokenizer", "--enable-lora"),
    *("--max-loras", "--max-lora-rank", "--lora-modules", "--config"),
)
"""Options that `serving.engine.options` may not set, because the engine relies on them."""

MERGED = "serve the merged model: set serving.engine.adapters to false"

_NOT_SERVED = {
    "use_dora": "DoRA",
    "modules_to_save": "whole modules beside the low-rank matrices (modules_to_save)",
    "trainable_token_indices": "trained embeddings (trainable_token_indices)",
    "rank_pattern": "ranks of single modules (rank_pattern)",
    "alpha_pattern": "alphas of single modules (alpha_pattern)",
    "target_parameters": "parameters that belong to no linear layer (target_parameters)",
    "layer_replication": "replicated layers (layer_replication)",
    "alora_invocation_tokens": "activation by tokens (aLoRA)",
    "use_qalora": "QALoRA",
    "lora_bias": "biases (lora_bias)",
}
"""Keys of an adapter's config that vLLM refuses or passes over, where they are set."""


def served_name(folder: Path) -> str:
    """The model's name at the server."""
    return f"toolft-{folder_digest(folder)[:16]}"


def vllm_command(
    settings: EngineSettings,
    *,
    folder: Path,
    name: str,
    port: int,
    adapters: Mapping[str, Path] | None = None,
    lora_rank: int | None = None,
) -> list[str]:
    """The command line; with `lora_rank`, the server takes adapters up to that rank while it runs, beside `adapters`.

    Raises `EngineError` for an option that is not the user's, or an adapter that vLLM cannot serve.
    """
    taken = sorted({option for option in map(_option, settings.options) if option in _OWN})
    if taken:
        raise EngineError(f"serving.engine.options: {', '.join(taken)} is set by this project; remove it")
    return [
        *settings.command,
        *("serve", str(folder), "--served-model-name", name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--max-model-len", str(context_of(folder, settings.context_tokens))),
        *("--max-num-seqs", str(settings.batch_size)),
        *("--generation-config", "vllm"),  # the folder's generation config changes no request
        *(_lora(adapters or {}, lora_rank) if adapters or lora_rank else ()),
        *settings.options,
    ]


def _option(word: str) -> str:
    return word.split("=", 1)[0].replace("_", "-")


def _lora(adapters: Mapping[str, Path], rank: int | None) -> Sequence[str]:
    largest = max([rank or 1, *map(adapter_rank, adapters.values())])
    modules = [f"{name}={path}" for name, path in adapters.items()]
    return (
        *("--enable-lora", "--max-loras", str(max(LOADED_ADAPTERS, len(adapters)))),
        *("--max-lora-rank", str(server_rank(largest))),
        *(("--lora-modules", *modules) if modules else ()),
    )


def adapter_rank(adapter: Path) -> int:
    """The rank of an adapter that vLLM can serve. Raises `EngineError` with all that it cannot."""
    path = adapter / "adapter_config.json"
    if not path.is_file() and (adapter / "config.json").is_file():
        raise EngineError(f"{adapter}: holds all weights (training.method: full) and no LoRA adapter; {MERGED}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        rank, refused = int(config["r"]), list(_refused(config))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(
            f"{path}: not a readable adapter ({error}); name the `adapter` folder of qlora_adapter"
        ) from error
    if refused:
        raise EngineError(f"{adapter}: vLLM cannot serve an adapter with {', '.join(refused)}; {MERGED}")
    return rank


def _refused(config: dict[str, Any]) -> Iterator[str]:
    if config.get("peft_type", "LORA") != "LORA":
        yield f"peft_type {config['peft_type']}"
    if config.get("bias", "none") != "none":
        yield f"biases (bias: {config['bias']})"
    yield from (what for key, what in _NOT_SERVED.items() if config.get(key))


def server_rank(rank: int) -> int:
    """The smallest rank that vLLM can be started with and that fits an adapter."""
    fitting = [each for each in RANKS if each >= rank]
    if not fitting:
        raise EngineError(f"an adapter of rank {rank}: vLLM serves at most {RANKS[-1]}; {MERGED}")
    return fitting[0]


def main(arguments: list[str]) -> int:
    """Print the command line for a folder, to be run on another machine."""
    if len(arguments) != 1:
        print("usage: python -m toolft_pipeline.engines.vllm_command MODEL_FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    print(" ".join(vllm_command(EngineSettings(), folder=folder, name=served_name(folder), port=8001)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
