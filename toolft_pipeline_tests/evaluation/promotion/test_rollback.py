from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.evaluation.promotion.model_registry import in_service, promote, service_folder
from toolft_pipeline.evaluation.promotion.rollback import RollbackError, roll_back
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import AGENT, model


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def served(warehouse: Warehouse) -> list[Version]:
    """Three models that came into service one after the other."""
    against, versions = None, []
    for day, name in ((1, "a"), (2, "b"), (3, "c")):
        version = model(warehouse, f"2026-10-0{day}", name)
        assert promote(warehouse, AGENT, day=f"2026-10-0{day}", model=version, against=against).moved
        against = version.manifest.content_digest
        versions.append(version)
    return versions


def _serving(warehouse: Warehouse) -> str:
    serving = in_service(warehouse, AGENT)
    assert serving is not None
    return serving.day


def test_rollback_goes_one_back_and_keeps_the_history(warehouse: Warehouse, served: list[Version]) -> None:
    done = roll_back(warehouse, AGENT)
    assert (done.before.day, done.after.day) == ("2026-10-03", "2026-10-02")
    assert done.withdrawn == (served[2].manifest.content_digest,)
    assert _serving(warehouse) == "2026-10-02"
    assert [move.kind for move in pointer_history(service_folder(warehouse, AGENT))] == ["", "", "", "rollback"]


def test_rollback_twice_goes_two_back_and_not_to_and_fro(warehouse: Warehouse, served: list[Version]) -> None:
    roll_back(warehouse, AGENT)
    assert roll_back(warehouse, AGENT).after.day == "2026-10-01"
    with pytest.raises(RollbackError, match="nothing to roll back to: no model served before 2026-10-01"):
        roll_back(warehouse, AGENT)


@pytest.mark.parametrize("name", ["2026-10-01", "version", "digest"])
def test_rollback_to_a_named_model_withdraws_all_that_came_after_it(
    warehouse: Warehouse, served: list[Version], name: str
) -> None:
    first = served[0]
    names = {"version": f"2026-10-01/{first.folder.name}", "digest": first.manifest.content_digest[:8]}
    done = roll_back(warehouse, AGENT, to=names.get(name, name))
    assert done.after.folder == first.folder
    assert set(done.withdrawn) == {version.manifest.content_digest for version in served[1:]}


def test_rollback_with_no_model_ever_in_service_says_so(warehouse: Warehouse) -> None:
    with pytest.raises(RollbackError, match="no model was ever in service"):
        roll_back(warehouse, AGENT)


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("2026-10-03", "is in service already"),
        ("2026-11-01", "2026-11-01 never served; those that did: 2026-10-01 "),
        ("abc", "abc never served"),
    ],
)
def test_rollback_to_what_cannot_serve_changes_nothing(
    warehouse: Warehouse, served: list[Version], to: str, says: str
) -> None:
    with pytest.raises(RollbackError, match=says):
        roll_back(warehouse, AGENT, to=to)
    assert len(pointer_history(service_folder(warehouse, AGENT))) == 3


@pytest.mark.parametrize("damage", ["weights", "manifest", "all"])
def test_rollback_to_a_model_whose_files_are_gone_changes_nothing_and_says_how_to_build_it(
    warehouse: Warehouse, served: list[Version], damage: str
) -> None:
    if damage == "manifest":
        manifest = served[1].folder / "manifest.json"
        manifest.write_text(manifest.read_text().replace(served[1].manifest.created_at, "2020-01-01T00:00:00+00:00"))
    else:
        (served[1].folder / "model" / "weights").unlink()
    if damage == "all":
        (served[1].folder / "manifest.json").unlink()
        served[1].folder.rename(served[1].folder.with_name("elsewhere"))
    with pytest.raises(RollbackError, match="`toolft run desk --to 2026-10-02` rebuilds the model of that day"):
        roll_back(warehouse, AGENT)
    assert _serving(warehouse) == "2026-10-03"
