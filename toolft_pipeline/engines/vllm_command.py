"""The command line that serves a model folder with vLLM, and the name that it is served by.

Invariant: the name holds the digest of the folder, so a server that runs already and was started for another model is
never taken for this one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.model_folder import context_of, folder_digest
from toolft_pipeline.settings.serving import EngineSettings

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that `--max-lora-rank` accepts (vLLM's `MaxLoRARanks`)."""

_OWN = (
    *("--served-model-name", "--host", "--port", "--uds", "--api-key", "--generation-config"),
    *("--override-generation-config", "--max-model-len", "--max-num-seqs", "--tokenizer", "--enable-lora"),
    *("--max-lora-rank", "--lora-modules", "--config"),
)
"""Options that `serving.engine.options` may not set, because the engine relies on them."""


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
) -> list[str]:
    """The command line. Raises `EngineError` for an option that is not the user's, or a folder without adapter."""
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
        *(_lora(adapters) if adapters else ()),
        *settings.options,
    ]


def _option(word: str) -> str:
    return word.split("=", 1)[0].replace("_", "-")


def _lora(adapters: Mapping[str, Path]) -> Sequence[str]:
    rank = max(adapter_rank(path) for path in adapters.values())
    modules = [f"{name}={path}" for name, path in adapters.items()]
    return ("--enable-lora", "--max-lora-rank", str(server_rank(rank)), "--lora-modules", *modules)


def adapter_rank(adapter: Path) -> int:
    """The rank of a PEFT adapter folder. Raises `EngineError`."""
    path = adapter / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        ranks = [int(config["r"]), *map(int, config.get("rank_pattern", {}).values())]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"{path}: not a readable adapter ({error}); name the `adapter` folder of qlora_adapter"
        ) from error
    if config.get("use_dora"):
        raise EngineError(f"{adapter}: vLLM cannot serve a DoRA adapter; serve the merged model")
    return max(ranks)


def server_rank(rank: int) -> int:
    """The smallest rank that vLLM can be started with and that fits an adapter."""
    fitting = [each for each in RANKS if each >= rank]
    if not fitting:
        raise EngineError(f"an adapter of rank {rank}: vLLM serves at most {RANKS[-1]}; serve the merged model")
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
