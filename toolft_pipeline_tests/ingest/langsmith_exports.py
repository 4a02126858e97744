"""The conversation as LangSmith runs: by LangChain's tracer and by `wrap_openai`, in `Run.model_dump_json`."""

from __future__ import annotations

import json
from typing import Any

import langsmith
import langsmith.schemas
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import ToolException, tool
from langchain_core.tracers.langchain import LangChainTracer
from langsmith.wrappers import wrap_openai

from toolft_pipeline_tests.ingest import span_conversation
from toolft_pipeline_tests.ingest.span_conversation import METADATA, TOKENS, TOOL, openai_client, result_of

# LangSmith: LangChain's tracer around a scripted model and real tools, each run as `Run.model_dump_json` writes it.


class _Recorded(langsmith.Client):
    """A client that keeps what it would send."""

    def __init__(self, runs: dict[str, dict[str, Any]]) -> None:
        super().__init__(api_url="http://127.0.0.1:1", api_key="none", auto_batch_tracing=False, info={})
        self._kept = runs

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **fields: Any) -> None:
        self._kept[str(fields["id"])] = {**fields, "name": name, "inputs": inputs, "run_type": run_type}

    def update_run(self, run_id: Any, **fields: Any) -> None:
        self._kept[str(run_id)].update({key: value for key, value in fields.items() if value is not None})


@tool
def get_order(order: str, lines: list[float]) -> str:
    """An order."""
    return '{"state":"sent ✓"}'


@tool
def who() -> str:
    """The caller."""
    raise ToolException("nobody")


who.handle_tool_error = lambda error: f"Error: {error}"


def to_langchain(message: dict[str, Any]) -> BaseMessage:
    match message["role"]:
        case "system":
            return SystemMessage(message["content"])
        case "user":
            return HumanMessage(message["content"])
        case "tool":
            return ToolMessage(message["content"], tool_call_id=message["tool_call_id"])
    calls = [
        {"id": call["id"], "name": call["function"]["name"], "args": json.loads(call["function"]["arguments"])}
        for call in message.get("tool_calls", ())
    ]
    tokens = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
    return AIMessage(message["content"], tool_calls=calls, usage_metadata=tokens)


def langsmith_runs() -> list[dict[str, Any]]:
    runs: dict[str, dict[str, Any]] = {}
    tracer = LangChainTracer(client=_Recorded(runs))
    messages = [to_langchain(message) for message in span_conversation.CONVERSATION]

    def act(_: object, config: RunnableConfig) -> str:
        for turn in span_conversation.TURNS:
            said = messages[turn]
            assert isinstance(said, AIMessage)
            model = GenericFakeChatModel(messages=iter([said]))
            model.invoke(messages[:turn], config=config, tools=[TOOL])
            for call in said.tool_calls:
                {"get_order": get_order, "who": who}[call["name"]].invoke(call, config=config)
        return "done"

    RunnableLambda(act).invoke({"q": 1}, config={"callbacks": [tracer], "metadata": METADATA})
    return [json.loads(langsmith.schemas.Run(**run).model_dump_json()) for run in runs.values()]


def langsmith_openai_runs() -> list[dict[str, Any]]:
    """What `wrap_openai` records, below a run of the agent's own and beside its tools'."""
    runs: dict[str, dict[str, Any]] = {}
    recorded = _Recorded(runs)
    model: Any = wrap_openai(openai_client())
    with (
        langsmith.tracing_context(enabled=True, client=recorded),
        langsmith.trace("agent", client=recorded, metadata=METADATA),
    ):
        for turn in span_conversation.TURNS:
            model.chat.completions.create(model="m", messages=span_conversation.CONVERSATION[:turn], tools=[TOOL])
            for call in span_conversation.CONVERSATION[turn].get("tool_calls", ()):
                function = call["function"]
                with langsmith.trace(function["name"], "tool", inputs=json.loads(function["arguments"])) as run:
                    run.end(outputs={"output": result_of(call["id"])})
    return [json.loads(langsmith.schemas.Run(**run).model_dump_json()) for run in runs.values()]
