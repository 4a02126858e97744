"""An image is the same content part in every dialect; an address is refused and never fetched."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import anthropic.types
import pytest
from langchain_core.messages import ToolMessage, messages_to_dict
from langchain_core.messages.content import create_image_block
from mcp.types import ImageContent

from toolft_pipeline.ingest.formats import LINE_FORMATS
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Part, Source, Trajectory
from toolft_pipeline.trajectories.table import from_batch, to_batch
from toolft_pipeline_tests.pictures import chart, data_uri, in_base64

CHART = chart(2, 9, 4)
SHOWN = Part(type="image", image_sha256=hashlib.sha256(CHART).hexdigest(), mime="image/png")
TEXT = {"type": "text", "text": "Sales:"}


def read(format_: str, row: object) -> Trajectory | Rejection:
    source = Source(file="2026-10-01.jsonl", line=1, offset=0, format=format_)
    return LINE_FORMATS[format_].read(json.dumps(row).encode(), agent="desk", source=source)


def openai_row(*blocks: dict[str, Any], role: str = "tool") -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": "x"}, {"role": role, "tool_call_id": "c", "content": list(blocks)}]
    }


def openai_block(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def anthropic_row() -> dict[str, Any]:
    source: Any = {"type": "base64", "media_type": "image/png", "data": in_base64(CHART)}
    image = anthropic.types.ImageBlockParam(type="image", source=source)
    result = anthropic.types.ToolResultBlockParam(
        type="tool_result", tool_use_id="c", content=[{"type": "text", "text": "Sales:"}, image]
    )
    return {"messages": [{"role": "user", "content": [result]}]}


def langchain_row(image: Any) -> dict[str, Any]:
    return {"messages": messages_to_dict([ToolMessage(content=[TEXT, image], tool_call_id="c")])}


MCP = ImageContent(type="image", data=in_base64(CHART), mimeType="image/png").model_dump(mode="json", exclude_none=True)
ROWS = {
    "openai": ("openai", openai_row(TEXT, openai_block(data_uri(CHART)))),
    "openai_responses": ("openai", openai_row(TEXT, {"type": "input_image", "image_url": data_uri(CHART)})),
    "openai_wrong_mime": ("openai", openai_row(TEXT, openai_block(data_uri(CHART, "IMAGE/jpeg;name=a.png")))),
    "mcp": ("openai", openai_row(TEXT, MCP)),
    "anthropic": ("anthropic", anthropic_row()),
    "langchain": ("langchain", langchain_row(create_image_block(base64=in_base64(CHART), mime_type="image/png"))),
    "langchain_v0": ("langchain", langchain_row({"type": "image", "source_type": "base64", "data": in_base64(CHART)})),
    "langchain_openai": ("langchain", langchain_row(openai_block(data_uri(CHART)))),
}


@pytest.mark.parametrize("dialect", ROWS)
def test_image_in_a_result_is_one_part_in_every_dialect(dialect: str) -> None:
    run = read(*ROWS[dialect])
    assert isinstance(run, Trajectory), run
    assert run.messages[-1].content == (Part(type="text", text="Sales:"), SHOWN)
    assert run.messages[-1].text == "Sales:"
    assert from_batch(to_batch([run])) == [run]


def test_image_in_a_user_turn_is_read_too() -> None:
    run = read("openai", openai_row(openai_block(data_uri(CHART)), role="user"))
    assert isinstance(run, Trajectory)
    assert run.messages[-1].content == (SHOWN,)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (openai_block("https://x.test/secret.png"), RejectReason.IMAGE_NOT_IN_LOG),
        (openai_block("file:///etc/passwd"), RejectReason.IMAGE_NOT_IN_LOG),
        ({"type": "image", "source": {"type": "url", "url": "https://x.test"}}, RejectReason.IMAGE_NOT_IN_LOG),
        ({"type": "image", "source": {"media_type": "image/png", "path": "a.png"}}, RejectReason.IMAGE_NOT_IN_LOG),
        ({"type": "image", "file_id": "file-1"}, RejectReason.IMAGE_NOT_IN_LOG),
        (openai_block("data:image/png,rawbytes"), RejectReason.BAD_IMAGE),
        (openai_block("data:image/png;base64,????"), RejectReason.BAD_IMAGE),
        (openai_block(data_uri(b"hello")), RejectReason.BAD_IMAGE),
        (openai_block(data_uri(chart(1, kind="GIF"), "image/gif")), RejectReason.BAD_IMAGE),
        (openai_block(data_uri(CHART[:-40])), RejectReason.BAD_IMAGE),
        (openai_block("data:image/png;base64," + "A" * 4_100_000), RejectReason.IMAGE_TOO_LARGE),
        (openai_block(data_uri(chart(1, size=(5000, 4000)))), RejectReason.IMAGE_TOO_LARGE),
        ({"type": "image_url", "image_url": 5}, RejectReason.WRONG_SHAPE),
        ({"type": "input_audio", "data": "QUJD"}, RejectReason.UNSUPPORTED_CONTENT),
    ],
)
def test_bad_image_rejects_the_run_with_its_reason(block: Any, reason: RejectReason) -> None:
    rejection = read("openai", openai_row(TEXT, block))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert "secret" not in rejection.detail


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_image_in_a_turn_without_image_support_is_refused(role: str) -> None:
    rejection = read("openai", openai_row(openai_block(data_uri(CHART)), role=role))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT
