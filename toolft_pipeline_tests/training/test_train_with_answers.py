"""Training with the base's answers mixed in: figures, records, and a run that learns with every loss."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.training.rows.mixing import REPLAY_ROWS
from toolft_pipeline.training.rows.trained_rows import read_trained_rows
from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline_tests.training.made_rows import Made, agent, lesson, write_inputs


@pytest.mark.parametrize("losses", [{}, {"kl_weight": 0.2, "loss_type": "dft"}], ids=["nll", "kl_and_dft"])
def test_training_draws_answers_by_share_and_says_so(
    losses: dict[str, Any], tiny_model_folder: Path, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path / "in", lesson())
    answers = write_inputs(
        tmp_path / "answers", [Made(name=f"a{n}", category="replay", tools=()) for n in range(10)], days=["all"]
    ).tensors["all"]
    out, said = tmp_path / "out", list[str]()
    out.mkdir()
    summary = train_adapter(
        base=tiny_model_folder,
        names=AdapterNames(base="tiny", chat_format="gemma3"),
        selection=inputs.selection,
        tensors={**inputs.tensors, REPLAY_ROWS: answers},
        training=agent(tiny_model_folder, replay_share=0.2, **losses).training,
        checkpoints=tmp_path / "checkpoints",
        out=out,
        progress=said.append,
    )
    facts = json.loads((out / "training.json").read_text())
    assert summary.rows == 25
    assert summary.headline["replay_share"] == 0.2
    assert facts["base_answers"][0]["rows"] == facts["rows_of_category"]["replay"] == 5
    assert "20.0% of the tokens are replay rows: 5 rows" in said
    assert sum(not row.of_agent for row in read_trained_rows(out)) == 5
    curve = pq.read_table(out / "progress.parquet").column("loss").to_pylist()
    assert all(map(math.isfinite, curve))
    assert ("last_kl_from_base" in summary.headline) == bool(losses)
