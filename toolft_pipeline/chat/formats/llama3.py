"""Llama 3.1 and 3.2: a call is bare JSON without a marker, so any text that begins like a call is one."""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import ChatFormat

_STOPS = r"<\|eot_id\|>|<\|eom_id\|>|<\|end_of_text\|>"

LLAMA3 = ChatFormat(
    name="llama3",
    template_file="llama3.jinja",
    macro_files=("content.jinja",),
    constants={"format_name": "llama3"},
    response_template={
        "version": 1,
        "defaults": {"role": "assistant"},
        "start_anchor": "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "fields": {
            "tool_calls": {
                "open_pattern": r'\s*(?=\{"name": )',
                # inside JSON a quote is escaped, so no argument can contain either end
                "close_pattern": rf'(?<=\}})(?:; (?=\{{"name": )|(?:\s*(?:{_STOPS}))+\s*)',
                "content": "json",
                "repeats": True,
                "transform": {
                    "type": "function",
                    "function": {"name": "{content.name}", "arguments": "{content.parameters}"},
                },
            },
            "content": {
                "close_pattern": rf"(?:\s*(?:{_STOPS}))+\s*",
                "content": "text",
                "repeats": True,
                "join": "\n",
            },
        },
    },
    stop_tokens=("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
    turn_tokens=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    call_marker='{"name": ',
    control_strings=(
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|python_tag|>",
        "<|step_id|>",
        "<|finetune_right_pad_id|>",
        "<|image|>",
        "<|reserved_special_token_",
    ),
    text_tokens=r"\s+",
    native_template_texts=("<|start_header_id|>", '"parameters"'),
    bare_call_prefix="<|python_tag|>",
)
