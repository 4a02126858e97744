"""Libraries that builds may call, recorded in each manifest because the digest of a stage's code leaves them out."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

RECORDED_LIBRARIES = frozenset(
    {"accelerate", "anyio", "bitsandbytes", "dagster", "datasets", "detect-secrets", "gguf", "google-re2", "httpx"}
    | {"jinja2", "langchain", "langchain-core", "langchain-mcp-adapters", "langchain-openai", "langgraph"}
    | {"langgraph-checkpoint", "langgraph-prebuilt", "llguidance", "prometheus-client", "starlette", "uvicorn"}
    | {
        "xllamacpp",
        "jsonschema-rs",
        "matplotlib",
        "mcp",
        "msgspec",
        "numpy",
        "obstore",
        "openai",
        "pandas",
        "peft",
        "phonenumbers",
    }
    | {"pillow", "psutil", "pyarrow", "pydantic", "pydantic-core", "python-stdnum", "pyyaml", "rensa", "safetensors"}
    | {"tokenizers", "torch", "transformers", "trl"}
    | {"flash-attn", "flash-attn-3", "liger-kernel"}
)


def library_versions() -> dict[str, str]:
    """Installed versions of the recorded libraries, by name."""
    found = {}
    for name in sorted(RECORDED_LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
