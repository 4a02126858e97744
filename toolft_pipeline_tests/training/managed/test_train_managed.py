"""The whole way of a job over a local host, in both protocols."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.training.managed.hosted_model import file_is_as_uploaded, read_hosted
from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError, TrainingFileError
from toolft_pipeline.training.rows.trained_rows import read_trained_rows
from toolft_pipeline_tests.training.managed.host_server import Fault, HostServer, hosting
from toolft_pipeline_tests.training.managed.made_window import KEY, lines_of, managed, train


@pytest.mark.parametrize("api", ["openai", "together"])
def test_train_uploads_starts_follows_and_records(tmp_path: Path, api: str) -> None:
    log: list[str] = []
    with hosting(HostServer(together=api == "together")) as host:
        settings = managed(
            host.address,
            api=api,
            hyperparameters={"n_epochs": 3},
            price_per_million_trained_tokens=1000.0,
        )
        summary = train(tmp_path, settings, log)
    (job,) = host.jobs
    out = tmp_path / "out-0"
    model = read_hosted(out)
    assert model is not None
    assert model.model == job.get("fine_tuned_model", job.get("model_output_name"))
    assert (model.job, model.base, model.trained_tokens) == (job["id"], "small-1", 12_345)
    assert file_is_as_uploaded(out, model)
    assert summary.rows == 12
    assert summary.headline["cost"] == pytest.approx(12.345)
    assert len(read_trained_rows(out)) == 12
    assert [path.name for path in sorted(out.iterdir())] == [
        "model",
        "progress.parquet",
        "trained_rows.parquet",
        "training.jsonl",
        "validation.jsonl",
    ]
    assert any("step 1" in line for line in log), "events are in the log"
    body = next(body for name, _, body in host.requests if name.startswith("POST /fine") and "model" in body)
    assert body["training_file"] == "file-0"
    assert body["validation_file"] == "file-1"
    hyperparameters = body if api == "together" else body["method"]["supervised"]["hyperparameters"]
    assert hyperparameters["n_epochs"] == 3
    if api == "openai":
        losses = pq.read_table(out / "progress.parquet").to_pydict()
        assert losses["step"] == [1, 2]
        assert losses["loss"][0] > losses["loss"][1]


def test_uploaded_lines_have_tools_and_weights_on_assistant_turns(tmp_path: Path) -> None:
    with hosting(HostServer()) as host:
        train(tmp_path, managed(host.address), [])
    lines = lines_of(host.contents["file-0"])
    assert len(lines) == 12
    for line in lines:
        assert [tool["function"]["name"] for tool in line["tools"]] == ["search", "send"]
        assert line["parallel_tool_calls"] is True
        assert [message["role"] for message in line["messages"]] == [
            "system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant",
        ]  # fmt: skip
        weights = [message.get("weight") for message in line["messages"]]
        assert weights == [None, None, 1, None, None, 1, None, 1]
        first = line["messages"][2]["tool_calls"]
        assert [call["id"] for call in first] == ["a", "b"]
        assert json.loads(first[1]["function"]["arguments"]) == {"q": "é"}


def test_key_is_in_requests_and_nowhere_else(tmp_path: Path) -> None:
    log: list[str] = []
    with hosting(HostServer()) as host:
        train(tmp_path, managed(host.address), log)
    assert {headers["Authorization"] for _, headers, _ in host.requests} == {f"Bearer {KEY}"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert KEY not in "\n".join(log)


def test_error_that_quotes_the_key_is_shown_without_it(tmp_path: Path) -> None:
    fault = Fault(status=401, message=f"Incorrect API key provided: {KEY}.", code="invalid_api_key")
    with hosting(HostServer(faults={"GET /files": [fault]})) as host, pytest.raises(ManagedTrainingError) as error:
        train(tmp_path, managed(host.address), [])
    assert KEY not in str(error.value)
    assert "Incorrect API key provided: ***. (invalid_api_key); fix the key in $MANAGED_TEST_KEY" in str(error.value)
    assert not host.jobs


def test_missing_key_is_named_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANAGED_TEST_KEY")
    with hosting(HostServer()) as host, pytest.raises(ManagedTrainingError, match="MANAGED_TEST_KEY"):
        train(tmp_path, managed(host.address), [])
    assert not host.requests


def test_too_few_rows_start_no_job(tmp_path: Path) -> None:
    with hosting(HostServer()) as host, pytest.raises(TrainingFileError, match="9 rows, at least 10 are needed"):
        train(tmp_path, managed(host.address), [], rows=9)
    assert not host.requests


def test_too_dear_a_job_is_not_started(tmp_path: Path) -> None:
    with hosting(HostServer()) as host:
        settings = managed(host.address, price_per_million_trained_tokens=1e6, max_cost=0.01)
        with pytest.raises(TrainingFileError, match=r"managed\.max_cost is 0\.01"):
            train(tmp_path, settings, [])
    assert not host.requests


def test_model_that_the_host_shuts_down_soon_is_refused(tmp_path: Path) -> None:
    with hosting(HostServer(shutdown_date="2026-12-31")) as host:
        with pytest.raises(ManagedTrainingError, match=r"shuts small-1 down on 2026-12-31 .the host's own list"):
            train(tmp_path, managed(host.address), [])
        assert not host.files
        train(tmp_path, managed(host.address, shutdown_date="2199-01-01"), [])
    assert len(host.jobs) == 1
