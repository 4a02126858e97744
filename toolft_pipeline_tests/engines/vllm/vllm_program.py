"""The local server as the program `vllm`: its options, its environment variables, a worker process of its own.

`python -m toolft_pipeline_tests.engines.vllm.vllm_program serve FOLDER --served-model-name NAME ...`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import uvicorn

from toolft_pipeline_tests.engines.vllm.adapter_faults import adapter_fault
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm
from toolft_pipeline_tests.engines.vllm.scripts import Fault, hashed, spelled

PROGRAM = (sys.executable, "-m", "toolft_pipeline_tests.engines.vllm.vllm_program")
"""The command that starts it."""


def main(arguments: list[str]) -> None:
    """Serve as the program `vllm` does: its options, its environment variables, a worker process of its own."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--max-model-len", type=int, required=True)
    parser.add_argument("--max-num-seqs", type=int, default=256)
    parser.add_argument("--generation-config", default="auto")
    parser.add_argument("--enable-lora", action="store_true")
    parser.add_argument("--max-loras", type=int, default=1)
    parser.add_argument("--max-lora-rank", type=int, choices=[1, 8, 16, 32, 64, 128, 256, 320, 512], default=16)
    parser.add_argument("--lora-modules", nargs="+", default=[])
    parser.add_argument("--dies", choices=["early"], help="not vLLM's: how a test makes it fail")
    options = parser.parse_args(arguments)
    print("INFO loading the model", file=sys.stderr, flush=True)
    if options.dies:
        sys.exit("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB")
    worker = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"]
    )
    static = dict(module.split("=", 1) for module in options.lora_modules)
    for path in static.values():
        if (why := adapter_fault(Path(path), max_lora_rank=options.max_lora_rank)) is not None:
            sys.exit(f"ValueError: {why}")
    print(f"INFO processes {os.getpid()} {worker.pid}", file=sys.stderr, flush=True)
    if options.generation_config != "vllm":
        sys.exit("a test's server is never started with the folder's generation config")
    writes = spelled if os.environ.get("LOCAL_VLLM_SPELLS") else hashed
    server = LocalVllm(
        folder=options.folder,
        name=options.served_model_name,
        script=writes(options.folder, stop=json.loads((options.folder / "stop.json").read_text())),
        max_model_len=options.max_model_len,
        key=os.environ.get("VLLM_API_KEY"),
        adapters=static,
        runtime_adapters=options.enable_lora and os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING") == "True",
        max_lora_rank=options.max_lora_rank,
        faults=[Fault(after=2, kind="exit")] if os.environ.get("LOCAL_VLLM_EXITS") else [],
    )
    uvicorn.run(server.app(), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1:])
