"""The registry of oracles, by the name of the format."""

from __future__ import annotations

from toolft_pipeline.chat.proofs.chatml_oracle import ChatmlOracle, Qwen3Oracle
from toolft_pipeline.chat.proofs.gemma3_oracle import Gemma3Oracle
from toolft_pipeline.chat.proofs.gemma4_oracle import Gemma4Oracle
from toolft_pipeline.chat.proofs.llama3_oracle import Llama3Oracle
from toolft_pipeline.chat.proofs.oracle import Oracle

ORACLES: dict[str, Oracle] = {
    "gemma3": Gemma3Oracle(),
    "gemma4": Gemma4Oracle(),
    "qwen3": Qwen3Oracle(),
    "llama3": Llama3Oracle(),
    "chatml": ChatmlOracle(),
}
