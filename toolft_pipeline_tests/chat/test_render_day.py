"""Chat rows of a day: their content, that they are deterministic, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toolft_pipeline.chat.chat_rows import ChatRow, read_chat_rows, read_pasted, read_prompt_tools
from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Message, Part, Role, Trajectory
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES, assistant, system, trajectory, user
from toolft_pipeline_tests.conversations import accepted

Agent = Callable[..., AgentSettings]


def inputs(folder: Path, *trajectories: Trajectory) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    write_accepted_rows(accepted(trajectories), folder / "accepted.parquet")
    (folder / "catalog.json").write_text(json.dumps(CATALOG))
    return {"accepted": folder / "accepted.parquet", "catalog": folder / "catalog.json"}


def written(tmp_path: Path, settings: AgentSettings, *trajectories: Trajectory) -> list[ChatRow]:
    write_chat_rows(**inputs(tmp_path, *trajectories), chat=settings.chat, out=tmp_path)
    return list(read_chat_rows(tmp_path / "rows.parquet"))


def test_write_chat_rows_counts_what_it_wrote(tmp_path: Path, agent: Agent) -> None:
    silent = trajectory("silent", user("anyone?"))
    summary = write_chat_rows(**inputs(tmp_path, *SHAPES, silent), chat=agent().chat, out=tmp_path)
    rows = list(read_chat_rows(tmp_path / "rows.parquet"))
    assert (summary.trajectories, summary.rows, summary.without_assistant) == (len(SHAPES) + 1, len(SHAPES), 1)
    assert summary.characters == sum(len(row.text) for row in rows)
    assert summary.rows_by_category["parallel_calls"] == 1
    assert summary.example_rows["parallel_calls"].text.startswith("<bos><start_of_turn>user\nWeather in Rome")
    said = [message for shape in SHAPES for message in shape.messages if message.role is Role.ASSISTANT]
    assert summary.trained_turns == len(said)


def test_write_chat_rows_row_carries_category_and_called_tools(tmp_path: Path, agent: Agent) -> None:
    (row,) = written(tmp_path, agent(), next(one for one in SHAPES if one.trajectory_id == "parallel_calls"))
    assert (row.row_id, row.trajectory_id) == ("parallel_calls#0", "parallel_calls")
    assert (row.category, row.tools) == ("parallel_calls", ("weather",))
    assert [segment.trained for segment in row.segments] == [False, True, False, True]


def test_write_chat_rows_same_input_gives_the_same_bytes(tmp_path: Path, agent: Agent) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    for out in outs:
        write_chat_rows(**inputs(out, *SHAPES), chat=agent(catalog_mode="full").chat, out=out)
    one, other = ((out / "rows.parquet").read_bytes() for out in outs)
    assert one == other


def test_mode_none_does_not_depend_on_the_catalog(tmp_path: Path, agent: Agent) -> None:
    paths = inputs(tmp_path, *SHAPES)
    write_chat_rows(**paths, chat=agent().chat, out=tmp_path)
    before = (tmp_path / "rows.parquet").read_bytes()
    paths["catalog"].write_text('{"tools": []}')
    write_chat_rows(**paths, chat=agent().chat, out=tmp_path)
    assert (tmp_path / "rows.parquet").read_bytes() == before
    assert read_prompt_tools(tmp_path / "rows.parquet") == []


@pytest.mark.parametrize(("mode", "seen"), [("names", "Tools: search, weather, calculate"), ("full", '"query"')])
def test_write_chat_rows_catalog_mode_puts_tools_into_the_prompt(
    mode: str, seen: str, tmp_path: Path, agent: Agent
) -> None:
    (row,) = written(tmp_path, agent(catalog_mode=mode), SHAPES[0])
    assert seen in row.segments[0].text
    assert len(read_prompt_tools(tmp_path / "rows.parquet")) == 3


def test_write_chat_rows_system_prompt_policy_is_applied(tmp_path: Path, agent: Agent) -> None:
    (row,) = written(tmp_path, agent(system_prompt="replace: Be brief."), SHAPES[1])
    assert row.text.startswith("<bos><start_of_turn>user\nBe brief.\n\nFind Ada.")


PASTED = f"You help.\n\nTools:\n{json.dumps(CATALOG['tools'])}\n\nBe brief."


def test_strip_tools_removes_and_counts_a_pasted_list(tmp_path: Path, agent: Agent) -> None:
    pasted = trajectory("pasted", system(PASTED), user("Hi"), assistant("Hello!"))
    bare = trajectory("bare", system(json.dumps(CATALOG["tools"])), user("Hi"), assistant("Hello!"))
    settings = agent(system_prompt="strip_tools")
    paths = inputs(tmp_path, pasted, SHAPES[1], bare)
    summary = write_chat_rows(**paths, chat=settings.chat, out=tmp_path)
    first, second, third = read_chat_rows(tmp_path / "rows.parquet")
    assert first.text.startswith("<bos><start_of_turn>user\nYou help.\n\nBe brief.\n\nHi")
    assert second.text.startswith("<bos><start_of_turn>user\nYou help.\n\nFind Ada.")
    assert third.text.startswith("<bos><start_of_turn>user\nHi")
    left = len("You help.\n\nBe brief.")
    assert summary.pasted_tools == 2
    assert summary.pasted_characters == len(PASTED) - left + len(json.dumps(CATALOG["tools"]))
    assert len(read_pasted(tmp_path / "rows.parquet")) == 2


def test_strip_tools_without_a_pasted_list_equals_keep(tmp_path: Path, agent: Agent) -> None:
    made = []
    for policy in ("keep", "strip_tools"):
        written(tmp_path, agent(system_prompt=policy), *SHAPES)
        made.append((tmp_path / "rows.parquet").read_bytes())
    assert made[0] == made[1]


def test_write_chat_rows_kept_thinking_is_refused_by_name(tmp_path: Path, agent: Agent) -> None:
    with pytest.raises(ChatFormatError, match=r"gemma3 cannot render reasoning; set chat.thinking to drop"):
        written(tmp_path, agent(thinking="keep"), SHAPES[0])


def test_write_chat_rows_image_is_refused_with_the_trajectory(tmp_path: Path, agent: Agent) -> None:
    picture = Message(role=Role.USER, content=(Part(type="image", image_sha256="0" * 64, mime="image/png"),))
    with pytest.raises(ChatFormatError, match=r"^chart: chat format gemma3 renders text only, .* of type image"):
        written(tmp_path, agent(), trajectory("chart", picture, assistant("A chart.")))


def test_write_chat_rows_loads_neither_torch_nor_tokenizers(tmp_path: Path, agent: Agent) -> None:
    inputs(tmp_path, *SHAPES)
    (tmp_path / "chat.json").write_text(agent().chat.model_dump_json())
    program = (
        "import sys; from pathlib import Path\n"
        "from toolft_pipeline.chat.render_day import write_chat_rows\n"
        "from toolft_pipeline.settings import ChatSettings\n"
        "out = Path(sys.argv[1]); chat = ChatSettings.model_validate_json((out / 'chat.json').read_text())\n"
        "write_chat_rows(accepted=out / 'accepted.parquet', catalog=out / 'catalog.json', chat=chat, out=out)\n"
        "print([name for name in ('torch', 'tokenizers') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
