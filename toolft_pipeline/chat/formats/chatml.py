"""ChatML with Hermes calls: SmolLM2, Qwen2.5, Qwen3-Instruct-2507 and any base model to be trained on ChatML.

The text equals the official template of Qwen3-Instruct-2507, which has neither a default system prompt (as Qwen2.5's
has) nor reasoning.
"""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.formats.hermes import MARKERS, hermes_response_template
from toolft_pipeline.chat.formats.qwen3 import QWEN_TOKENS

SMOLLM2_TOKENS = (
    "<repo_name>",
    "<reponame>",
    "<file_sep>",
    "<filename>",
    "<gh_stars>",
    "<issue_start>",
    "<issue_comment>",
    "<issue_closed>",
    "<jupyter_start>",
    "<jupyter_text>",
    "<jupyter_code>",
    "<jupyter_output>",
    "<jupyter_script>",
    "<empty_output>",
)

CHATML = ChatFormat(
    name="chatml",
    template_file="chatml.jinja",
    macro_files=("content.jinja",),
    constants={"format_name": "chatml", "thinks": False},
    response_template=hermes_response_template(
        start_anchor="<|im_start|>assistant\n", end_of_turn=r"<\|im_end\|>|<\|endoftext\|>"
    ),
    stop_tokens=("<|im_end|>", "<|endoftext|>"),
    turn_tokens=("<|im_start|>", "<|im_end|>"),
    call_marker="<tool_call>",
    control_strings=(*QWEN_TOKENS, *SMOLLM2_TOKENS, "<think>", "</think>", "<tools>", "</tools>", *MARKERS),
    text_tokens=r"\s+",
    native_template_texts=("<|im_start|>", "<tool_call>"),
)
