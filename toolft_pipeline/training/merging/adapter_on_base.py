"""Load an unmerged adapter on its base: the start of a merge and the reference that it is compared with.

Invariant: every weight of the adapter file is used, and every adapter weight comes from the file. PEFT initializes
missing weights and only warns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.errors import FixableError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_WEIGHTS = "adapter_model.safetensors"


class MergeError(FixableError, ValueError):
    """Base and adapter cannot be merged; one line that names them and the fix."""


def load_adapter_on_base(base: Path, adapter: Path, *, load: Callable[[Path], PreTrainedModel]) -> Any:
    """The PEFT model of the adapter on the base that `load` loads. Raises `MergeError` if they do not match."""
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    with as_merge_error(base, adapter):
        model = load(base)
        adapted = PeftModel.from_pretrained(model, adapter, torch_device=str(model.device)).eval()
        with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as file:
            stored = set(file.keys())
        expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if stored != expected:
        differing = sorted(stored ^ expected)
        raise MergeError(
            f"{adapter}: {len(differing)} tensors are missing or unexpected for {base} (first: {differing[0]}); "
            "train it again"
        )
    return adapted


@contextmanager
def as_merge_error(base: Path, adapter: Path) -> Iterator[None]:
    """Turn any exception of a library into a `MergeError` of one line, with the cause chained."""
    try:
        yield
    except MergeError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        raise MergeError(
            f"{adapter}: cannot be merged into {base} ({cause}); train the adapter on this base"
        ) from error
