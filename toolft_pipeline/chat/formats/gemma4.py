"""Gemma 4: the family's own syntax for calls and results. A turn with calls ends with `<|tool_response>`.

Images of a result follow it, before the model's next text, as in the family's own template.
"""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import Capabilities, ChatFormat, ImageMarkers

GEMMA4 = ChatFormat(
    name="gemma4",
    template_file="gemma4.jinja",
    macro_files=("content.jinja",),
    constants={"format_name": "gemma4"},
    response_template={
        "version": 1,
        "defaults": {"role": "assistant"},
        "start_anchor_pattern": r"(?:<\|turn>model\n|<tool_response\|>)(?:<\|image>|<\|image\|>|<image\|>)*",
        "fields": {
            "reasoning_content": {
                "open": "<|channel>thought\n",
                "close_pattern": r"<channel\|>\s*",
                "content": "text",
            },
            "tool_calls": {
                "open_pattern": r"\s*<\|tool_call>call:(?P<name>[^{]*)",
                "close": "<tool_call|>",
                "content": "json",
                "content_args": {"string_delims": [['<|"|>', '<|"|>']], "unquoted_keys": True},
                "repeats": True,
                "transform": {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}},
            },
            "content": {
                "close_pattern": r"(?:\s*(?:<turn\|>|<\|tool_response>|<eos>))+\s*",
                "content": "text",
                "repeats": True,
                "join": "\n",
            },
        },
    },
    stop_tokens=("<turn|>", "<|tool_response>", "<eos>"),
    turn_tokens=(
        *("<bos>", "<|turn>", "<turn|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>"),
        '<|"|>',
    ),
    call_marker="<|tool_call>",
    control_strings=(
        "<bos>",
        "<eos>",
        "<pad>",
        "<unk>",
        "<mask>",
        "<|turn>",
        "<turn|>",
        "<|channel>",
        "<channel|>",
        "<|think|>",
        "<|tool>",
        "<tool|>",
        "<|tool_call>",
        "<tool_call|>",
        "<|tool_response>",
        "<tool_response|>",
        '<|"|>',
        "<|image>",
        "<|image|>",
        "<image|>",
        "<|audio>",
        "<|audio|>",
        "<audio|>",
        "<|video|>",
        "[multimodal]",
        "<unused",
    ),
    text_tokens=r"\n+|\t+|</?[a-z]+[1-6]?>",
    capabilities=Capabilities(reasoning=True, prefix_stable=False),
    native_template_texts=("<|tool_call>",),
    images=ImageMarkers(opens="<|image>", placeholder="<|image|>", closes="<image|>"),
)
