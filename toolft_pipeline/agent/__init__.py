"""The agent's loop over the served model: LangGraph, MCP, and what makes their prompts those of training."""

from toolft_pipeline.agent.chat_model import ModelServer
from toolft_pipeline.agent.loop import LoopOptions, ServedAgent, open_agent
from toolft_pipeline.agent.mcp_server import McpServer, open_tools
from toolft_pipeline.agent.result_text import training_text
from toolft_pipeline.agent.steps import AgentRun, Fault, ModelStep, ToolStep

__all__ = [
    "AgentRun",
    "Fault",
    "LoopOptions",
    "McpServer",
    "ModelServer",
    "ModelStep",
    "ServedAgent",
    "ToolStep",
    "open_agent",
    "open_tools",
    "training_text",
]
