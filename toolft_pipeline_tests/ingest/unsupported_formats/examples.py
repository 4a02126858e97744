"""Small example lines of each unsupported format, by the name in its message."""

from __future__ import annotations

from collections.abc import Mapping

CALL = {"name": "find", "arguments": '{"a": 1}'}
ASK = {"role": "user", "content": "Where is it?"}
UI = {"role": "assistant", "parts": [{"type": "step-start"}, {"type": "tool-find", "input": {"a": 1}, "output": "x"}]}

EXAMPLES: Mapping[str, tuple[object, ...]] = {
    "JSON text sequence": (b'\x1e{"messages": []}',),
    "server-sent events": (b'data: {"choices": []}', b"data: [DONE]", b"event: message_stop", b": keep-alive"),
    "repr of a Python object": (
        b"{'messages': [{'role': 'user', 'content': 'hi'}]}",
        b"[{'role': 'user', 'content': None}]",
        b"[HumanMessage(content='hi')]",
        b"Run(messages=[])",
        b'{"messages": [{"role": "user", "content": None}]}',
    ),
    "JavaScript object": (b"{messages: [{role: 'user'}]}",),
    "XML or HTML": (b"<?xml version='1.0'?>", b"<html><body></body></html>"),
    "text before its JSON": (b'2026-10-01 10:00:00 INFO run {"messages": [{"role": "user"}]}',),
    "JSON-RPC": (
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": CALL},
        {"jsonrpc": "2.0", "id": 3, "result": {"content": []}},
        [{"jsonrpc": "2.0", "id": 3, "result": {}}],
    ),
    "chunk of a streamed answer": (
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "It"}}]},
        {"id": "1", "choices": [{"delta": {"tool_calls": []}, "finish_reason": None}]},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It"}},
        {"type": "response.output_text.delta", "delta": "It"},
        {"model": "m", "created_at": "t", "message": {"role": "assistant", "content": "It"}, "done": False},
    ),
    "batch API": (
        {"custom_id": "r1", "response": {"body": {"choices": []}}, "error": None},
        {"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [ASK]}},
        {"custom_id": "r1", "result": {"type": "succeeded", "message": {}}},
    ),
    "Bedrock's invocation log": ({"schemaType": "ModelInvocationLog", "input": {}, "output": {}},),
    "Bedrock's Converse": (
        {"messages": [{"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "find"}}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"text": "hi"}]},
                {"role": "assistant", "content": [{"text": "x"}]},
            ]
        },
        {"messages": [ASK], "system": [{"text": "Be brief."}], "toolConfig": {"tools": []}},
    ),
    "Gemini's `contents`": (
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"functionCall": {}}]}]},
        [{"role": "user", "parts": [{"text": "hi"}]}],
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}}]},
    ),
    "Responses API": (
        {"messages": [ASK, {"type": "function_call", "call_id": "c", **CALL}]},
        {"input": [ASK, {"type": "function_call_output", "call_id": "c", "output": "x"}]},
        {"type": "function_call", "call_id": "c", **CALL},
        {"object": "response", "id": "resp_1", "output": []},
    ),
    "Assistants API": ({"object": "thread.message", "role": "user", "content": []},),
    "request next to its response": (
        {"request": {"model": "m", "messages": [ASK]}, "response": {"choices": []}},
        {"input": {"messages": [ASK]}, "output": {"content": "x"}},
        {"input": [ASK], "output": [ASK]},
    ),
    "answer without its request": (
        {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "x"}}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"},
    ),
    "Cohere's chat history": ({"chat_history": [{"role": "USER", "message": "hi"}], "message": "x"},),
    "Codex CLI": (
        {"timestamp": "t", "type": "session_meta", "payload": {"id": "s"}},
        {"timestamp": "t", "type": "response_item", "payload": {"type": "function_call"}},
    ),
    "Claude Code": ({"type": "user", "sessionId": "s", "uuid": "u", "parentUuid": None, "message": ASK},),
    "Gemini CLI": ({"sessionId": "s", "messages": [{"type": "user"}, {"type": "gemini", "content": "x"}]},),
    "Pydantic AI": (
        [{"parts": [{"part_kind": "user-prompt", "content": "hi"}], "kind": "request"}],
        {"messages": [{"parts": [{"part_kind": "text", "content": "x"}], "kind": "response"}]},
    ),
    "UI messages": ({"id": "c", "messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}, UI]}, UI),
    "model messages": (
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "find"}]}
            ]
        },
    ),
    "Google ADK": ({"author": "desk", "invocationId": "i", "content": {"role": "model", "parts": [{"text": "x"}]}},),
    "AutoGen": (
        {"source": "desk", "type": "ToolCallRequestEvent", "content": [CALL]},
        {"messages": [{"source": "user", "type": "TextMessage", "content": "hi"}]},
    ),
    "Semantic Kernel": ({"messages": [{"Role": {"Label": "user"}, "Items": [{"$type": "TextContent", "Text": "x"}]}]},),
    "LlamaIndex": ({"messages": [{"role": "user", "blocks": [{"block_type": "text", "text": "hi"}]}]},),
    "Haystack": ({"messages": [{"_role": "user", "_content": [{"text": "hi"}]}]},),
    "astream_events": ({"event": "on_chat_model_start", "run_id": "r", "data": {}},),
    "SWE-agent": ({"trajectory": [{"action": "ls", "observation": "a", "thought": "look"}]},),
    "OpenHands": ([{"id": 0, "source": "agent", "action": "run", "args": {}}],),
    "LLaMA-Factory": (
        {"conversations": [{"from": "human", "value": "hi"}, {"from": "function_call", "value": "{}"}], "system": "B."},
    ),
    "ShareGPT": (
        {"id": "h", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "x"}]},
        [{"from": "human", "value": "hi"}],
    ),
    "under another key than `messages`": ({"conversations": [ASK]}, {"id": 1, "history": [ASK]}),
    "one message a line": (ASK,),
    "preference data set": ({"prompt": "hi", "chosen": "a", "rejected": "b"},),
    "queries and answers": ({"query": "hi", "answers": "[]", "tools": "[]"},),
    "Alpaca": ({"instruction": "do", "input": "", "output": "x"},),
    "prompts and completions": ({"prompt": "hi", "completion": "x"},),
    "flattened into one text": ({"system": "S", "chat": "USER: hi\n\nASSISTANT: x"},),
    "plain text rows": ({"text": "hello"},),
    "OpenTelemetry log records": ({"resourceLogs": [{"scopeLogs": []}]},),
    "OpenTelemetry metrics": ({"resourceMetrics": []},),
    "Jaeger": (
        {"data": [{"traceID": "5b", "spans": [{"traceID": "5b", "spanID": "2", "operationName": "x"}]}]},
        {"traceID": "5b", "spanID": "2", "operationName": "x", "tags": []},
    ),
    "Zipkin": ([{"traceId": "5b", "id": "2", "localEndpoint": {"serviceName": "a"}, "tags": {}}],),
    "Datadog": ({"trace_id": "5b", "span_id": "2", "ml_obs_kind": "llm", "meta": {}},),
    "single OTLP span": ({"traceId": "5b", "spanId": "2", "name": "chat", "attributes": []},),
    "Weave": ({"id": "1", "trace_id": "2", "op_name": "weave:///x", "inputs": {}, "output": None},),
    "Braintrust": ({"id": "1", "span_id": "1", "root_span_id": "1", "span_attributes": {"type": "llm"}, "input": []},),
    "Helicone": ({"request_id": "1", "request_body": {"messages": []}, "response_body": {}},),
}
