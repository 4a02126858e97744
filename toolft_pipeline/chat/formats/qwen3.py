"""Qwen3: ChatML with Hermes calls and a reasoning block, which is rendered only after the last question.

`enable_thinking` of a request is ignored: it would put an empty reasoning block before the answer, and the model was
trained without one. A model trained with `thinking: drop` does not reason, one trained with `keep` does.
"""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import Capabilities, ChatFormat
from toolft_pipeline.chat.formats.hermes import MARKERS, hermes_response_template

QWEN_TOKENS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)

QWEN3 = ChatFormat(
    name="qwen3",
    template_file="chatml.jinja",
    macro_files=("content.jinja",),
    constants={"format_name": "qwen3", "thinks": True},
    response_template=hermes_response_template(
        start_anchor="<|im_start|>assistant\n", end_of_turn=r"<\|im_end\|>|<\|endoftext\|>", reasoning=True
    ),
    stop_tokens=("<|im_end|>", "<|endoftext|>"),
    turn_tokens=("<|im_start|>", "<|im_end|>"),
    call_marker="<tool_call>",
    control_strings=(*QWEN_TOKENS, "<think>", "</think>", "<tools>", "</tools>", *MARKERS),
    text_tokens=r"\s+",
    native_template_texts=("<|im_start|>", "<tool_call>", "<think>"),
    capabilities=Capabilities(reasoning=True, prefix_stable=False),
)
