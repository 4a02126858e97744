"""An adapter on its base, unmerged: what a merge starts from and what it is compared with.

Invariant: every weight of the adapter's file is in use, and every weight in use comes from the file. PEFT fills what
is missing with fresh weights and only warns.
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
    """Base and adapter cannot be merged; one line naming them and the mend."""


def load_adapter_on_base(base: Path, adapter: Path, *, load: Callable[[Path], PreTrainedModel]) -> Any:
    """PEFT running the unmerged adapter on the base as `load` loads it. Raises `MergeError` where they do not belong
    together.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    with as_merge_error(base, adapter):
        model = load(base)
        adapted = PeftModel.from_pretrained(model, adapter, torch_device=str(model.device)).eval()
        with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as file:
            stored = set(file.keys())
        wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if stored != wanted:
        odd = sorted(stored ^ wanted)
        raise MergeError(
            f"{adapter}: {len(odd)} tensors too many or too few for {base} (first: {odd[0]}); train it again"
        )
    return adapted


@contextmanager
def as_merge_error(base: Path, adapter: Path) -> Iterator[None]:
    """Whatever a library raises, as one line about the two, with the cause chained."""
    try:
        yield
    except MergeError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        raise MergeError(
            f"{adapter}: cannot be merged into {base} ({cause}); train the adapter on this base"
        ) from error
