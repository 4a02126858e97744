"""Worlds: rebuilt from their names, made of two pools that share nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields

import pytest
from helpdesk.desk import Desk
from helpdesk.eval_words import EVAL_POOL
from helpdesk.log_words import LOG_POOL
from helpdesk.words import is_evaluation_id
from helpdesk.world import StateRefError, build_world


def snapshot_of(state_ref: str) -> str:
    desk = Desk()
    desk.reset(state_ref)
    return desk.snapshot()


def test_world_rebuilt_in_another_process_with_another_hash_seed_is_equal_byte_for_byte() -> None:
    code = (
        "from toolft_pipeline_tests.helpdesk.test_world import snapshot_of\n"
        "import sys; sys.stdout.write(snapshot_of('desk-log-0042'))"
    )
    env = {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=env,
    )
    assert other.stdout == snapshot_of("desk-log-0042")


def test_world_reset_after_changes_is_as_before() -> None:
    desk = Desk()
    desk.reset("desk-log-0042")
    before = desk.snapshot()
    sku = desk.database.execute("SELECT sku FROM products").fetchone()[0]
    assert not desk.call("set_price", {"sku": sku, "price": 7}).is_error
    assert desk.snapshot() != before
    desk.reset("desk-log-0042")
    assert desk.snapshot() == before


@pytest.mark.parametrize("state_ref", ["", "desk-log-1", "desk-prod-0001", "desk-eval-0001; DROP TABLE orders"])
def test_world_unknown_name_is_refused_with_the_names_that_exist(state_ref: str) -> None:
    with pytest.raises(StateRefError, match="desk-log-0001"):
        build_world(state_ref)


def test_pools_share_no_word() -> None:
    for field in fields(LOG_POOL):
        if field.name != "evaluation":
            assert not set(getattr(LOG_POOL, field.name)) & set(getattr(EVAL_POOL, field.name)), field.name


def test_ids_of_a_world_belong_to_its_pool() -> None:
    for kind, evaluation in (("log", False), ("gold", False), ("eval", True)):
        for number in range(40):
            text = snapshot_of(f"desk-{kind}-{number:04d}")
            ids = re.findall(r"\b(?:[COTIRS]|555)-(\d{4})\b", text)
            assert len(ids) > 60
            assert {is_evaluation_id(int(id_)) for id_ in ids} == {evaluation}
