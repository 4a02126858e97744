"""The adapter of a merged model and the base that it was trained on, where they are served in place of the merge.

Invariant: both are served only if their files have the recorded digests, as a merged model is.
"""

from __future__ import annotations

from toolft_pipeline.serving.routing.find_model import verify_model
from toolft_pipeline.serving.routing.trained_with import version_read
from toolft_pipeline.serving.served_model import ServedAdapter
from toolft_pipeline.warehouse.store import Version, Warehouse


def served_adapter(warehouse: Warehouse, model: Version) -> ServedAdapter:
    """Find and verify what a merged model was made from. Raises `ModelNotServableError` or `WarehouseError`."""
    adapter = version_read(warehouse, model, "qlora_adapter", before=model)
    base = version_read(warehouse, adapter, "base_model", before=adapter)
    for version in (adapter, base):
        verify_model(warehouse, version)
    return ServedAdapter(
        folder=adapter.file("adapter"),
        base=base.file("model"),
        base_digest=base.manifest.content_digest,
        quantization=str(adapter.settings_section("training").get("quantization", "none")),
    )
