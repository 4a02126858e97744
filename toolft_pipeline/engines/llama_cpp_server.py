"""llama.cpp's server as a process: serves one GGUF file on the loopback until it gets SIGTERM.

Prints its address as `toolft-address URL`. The key comes from the environment variable of `KEY_VARIABLE`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

ADDRESS = "toolft-address "
KEY_VARIABLE = "TOOLFT_LLAMA_CPP_KEY"


def main(arguments: list[str]) -> int:
    """Load the model, serve, wait for the signal."""
    import xllamacpp

    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens of one request")
    parser.add_argument("--parallel", type=int, required=True)
    parser.add_argument("--adapter")
    options = parser.parse_args(arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # threads of the server inherit it

    wanted = xllamacpp.CommonParams()
    wanted.model.path = options.model
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [os.environ[KEY_VARIABLE]]
    wanted.n_ctx = options.context * options.parallel  # divided over the requests
    wanted.n_parallel = options.parallel
    wanted.cpuparams.n_threads = options.threads
    wanted.cpuparams_batch.n_threads = options.threads
    wanted.special = True  # markers of calls may be special tokens
    wanted.ctx_shift = False  # never forget the beginning of a prompt
    wanted.fit_params = False
    wanted.warmup = False
    wanted.ui = False
    wanted.endpoint_metrics = True
    wanted.enable_chat_template = False  # prompts are ids
    if options.adapter is not None:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = options.adapter, 1.0
        wanted.lora_adapters = [adapter]
    server = xllamacpp.Server(wanted)
    line = f"\n{ADDRESS}{server.listening_address}\n"  # one write with its own line breaks: llama.cpp's threads log too
    os.write(sys.stdout.fileno(), line.encode())
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    del server  # ends its threads
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
