"""Settings parsed from the libraries' source equal those of the real classes."""

from __future__ import annotations

import dataclasses

from toolft_pipeline.settings_checks.library_fields import library_fields
from toolft_pipeline.training.lora.owned_keys import OWNED_PEFT, OWNED_SFT


def test_library_fields_are_the_arguments_of_the_real_classes() -> None:
    from peft import LoraConfig
    from trl import SFTConfig

    for name, real in {"peft.LoraConfig": LoraConfig, "trl.SFTConfig": SFTConfig}.items():
        found = library_fields(name)
        assert found is not None
        assert set(found) == {field.name for field in dataclasses.fields(real) if field.init}


def test_library_fields_types_fit_the_real_defaults() -> None:
    from peft import LoraConfig
    from trl import SFTConfig

    for name, real in {"peft.LoraConfig": LoraConfig, "trl.SFTConfig": SFTConfig}.items():
        for field in dataclasses.fields(real):
            known = (library_fields(name) or {}).get(field.name)
            if known is not None and known.types is not None and field.default is not dataclasses.MISSING:
                assert isinstance(field.default, known.types), field.name


def test_owned_keys_are_settings_of_the_libraries() -> None:
    former = {"max_seq_length", "warmup_ratio"}
    """Names of older versions: the message leads to the setting."""
    assert set(OWNED_PEFT) <= set(library_fields("peft.LoraConfig") or ())
    assert set(OWNED_SFT) - former <= set(library_fields("trl.SFTConfig") or ())
