"""Gemma 3 with tools: JSON in `<tool_call>` inside model turns, results in user turns (the family has no tool role)."""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.formats.hermes import MARKERS, hermes_response_template

GEMMA3 = ChatFormat(
    name="gemma3",
    template_file="gemma3.jinja",
    response_template=hermes_response_template(
        start_anchor="<start_of_turn>model\n", end_of_turn="<end_of_turn>|<eos>"
    ),
    stop_tokens=("<end_of_turn>", "<eos>"),
    turn_tokens=("<bos>", "<start_of_turn>", "<end_of_turn>"),
    call_marker="<tool_call>",
    control_strings=(
        "<bos>",
        "<eos>",
        "<pad>",
        "<unk>",
        "<mask>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_image>",
        "<end_of_image>",
        "[multimodal]",
        "<unused",
        *MARKERS,
    ),
    text_tokens=r"\n+|\t+|</?[a-z]+[1-6]?>",
)
