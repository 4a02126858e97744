"""Records to Arrow and back: nothing is lost, and the batch says what the records say, value by value."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.row_writer import write_trajectories
from toolft_pipeline.trajectories.table import (
    TRAJECTORY_SCHEMA,
    from_batch,
    read_trajectories,
    to_batch,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MAYBE = st.none() | TEXT
COUNT = st.none() | st.integers(0, 2**63 - 1)
PART = st.fixed_dictionaries({"type": TEXT, "text": MAYBE, "image_sha256": MAYBE, "mime": MAYBE})
CALL = st.fixed_dictionaries({"id": TEXT, "name": TEXT, "arguments_json": TEXT})
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool"]),
        "content": st.lists(PART, max_size=3),
        "reasoning": MAYBE,
        "tool_calls": st.lists(CALL, max_size=3),
        "tool_call_id": MAYBE,
        "name": MAYBE,
        "train": st.booleans(),
    }
)
SOURCE = st.fixed_dictionaries(
    {"file": TEXT, "line": st.integers(1, 2**63 - 1), "offset": st.integers(0, 2**63 - 1), "format": TEXT}
)
USAGE = st.fixed_dictionaries(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "latency_ms": st.none() | st.floats(0, allow_nan=False, allow_infinity=False),
        "parse_failures": COUNT,
    }
)
OUTCOME = st.fixed_dictionaries({"status": st.sampled_from(["success", "failure", "unknown"]), "evidence": MAYBE})
ROW = st.fixed_dictionaries(
    {
        "trajectory_id": TEXT,
        "agent": TEXT,
        "source": SOURCE,
        "started_at": MAYBE,
        "task_id": MAYBE,
        "task_key": MAYBE,
        "outcome": OUTCOME,
        "golden": st.booleans(),
        "origin": st.sampled_from(["logged", "golden", "sampled"]),
        "messages": st.lists(MESSAGE, max_size=4),
        "tools_digest": MAYBE,
        "unoffered_tools": st.lists(TEXT, max_size=2),
        "initial_state_ref": MAYBE,
        "final_state_ref": MAYBE,
        "usage": USAGE,
    }
)


@given(st.lists(ROW, max_size=5))
def test_batch_of_any_records_says_what_they_say(rows: list[dict[str, object]]) -> None:
    batch = to_batch(msgspec.convert(rows, list[Trajectory]))
    batch.validate(full=True)
    assert batch.schema == TRAJECTORY_SCHEMA
    assert batch.to_pylist() == rows


@given(st.lists(ROW, min_size=1, max_size=5), st.data())
def test_batch_any_slice_gives_back_its_records(rows: list[dict[str, object]], data: st.DataObject) -> None:
    runs = msgspec.convert(rows, list[Trajectory])
    start = data.draw(st.integers(0, len(rows)))
    length = data.draw(st.integers(0, len(rows)))
    assert from_batch(to_batch(runs).slice(start, length)) == runs[start : start + length]


def test_batch_unknown_role_is_refused(tmp_path: Path) -> None:
    row = {
        "trajectory_id": "a",
        "agent": "b",
        "source": {"file": "f", "line": 1, "offset": 0, "format": "openai"},
        "outcome": {"status": "success"},
        "messages": [{"role": "user"}],
    }
    path = tmp_path / "one.parquet"
    assert write_trajectories([msgspec.convert(row, Trajectory)], path) == 1
    assert next(iter(read_trajectories(path))).messages[0].role == "user"
    batch = to_batch([msgspec.convert(row, Trajectory)]).to_pylist()
    batch[0]["messages"][0]["role"] = "oracle"
    with pytest.raises(KeyError, match="oracle"):
        from_batch(pa.RecordBatch.from_pylist(batch, schema=TRAJECTORY_SCHEMA))
