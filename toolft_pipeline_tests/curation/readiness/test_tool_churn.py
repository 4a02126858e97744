"""What moved in the tools: counted from what the runs say that they were offered, and from what they call."""

from __future__ import annotations

from msgspec.structs import replace

from toolft_pipeline.curation.readiness.tool_churn import ChurnCount, NameCount, ToolChurn, churn_of
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

TODAY = frozenset({"search", "send_email"})


def churn(*runs: tuple[str, str | None, str]) -> ToolChurn:
    """Of runs as (day, catalog offered, tool called)."""
    count = ChurnCount()
    for day, digest, tool in runs:
        run = trajectory(user("hi"), calls(("a", tool, {})), result("a", tool, "{}"), says("done"))
        count.add(replace(run, tools_digest=digest), day=day, today=TODAY)
    return churn_of(count.redacted(lambda name: name.replace("secret", "***")))


def test_churn_names_the_days_on_which_a_catalog_was_new() -> None:
    found = churn(
        ("2026-10-01", "old", "search"),
        ("2026-10-02", "old", "search"),
        ("2026-10-02", "new", "search"),
        ("2026-10-03", "new", "search"),
        ("2026-10-04", "old", "search"),
    )
    assert (found.catalogs, found.changed_on, found.gone) == (2, ("2026-10-02",), ())
    assert found.offered == (
        NameCount(name="old", runs=3, first_day="2026-10-01", last_day="2026-10-04"),
        NameCount(name="new", runs=2, first_day="2026-10-02", last_day="2026-10-03"),
    )


def test_churn_names_the_tools_that_are_gone_with_their_days() -> None:
    found = churn(("2026-10-03", "a", "fax"), ("2026-10-01", "a", "fax"), ("2026-10-02", "a", "search"))
    assert found.gone == (NameCount(name="fax", runs=2, first_day="2026-10-01", last_day="2026-10-03"),)


def test_churn_without_logged_tools_is_not_known() -> None:
    found = churn(("2026-10-01", None, "search"), ("2026-10-02", None, "search"))
    assert (found.runs, found.runs_that_say, found.catalogs, found.changed_on) == (2, 0, None, ())
    some = churn(("2026-10-01", None, "search"), ("2026-10-02", "a", "search"))
    assert (some.runs_that_say, some.catalogs, some.changed_on) == (1, 1, ())


def test_churn_lists_those_of_most_runs_and_counts_all() -> None:
    runs = [(f"2026-10-{1 + number % 9:02}", str(number), f"tool_{number}") for number in range(50)]
    found = churn(*runs, ("2026-10-01", "49", "tool_49"))
    assert (found.catalogs, len(found.offered), found.tools_gone, len(found.gone)) == (50, 20, 50, 20)
    assert "49" in {each.name for each in found.offered}


def test_churn_shows_names_as_redaction_leaves_them() -> None:
    found = churn(("2026-10-01", "secret ref", "a_secret"), ("2026-10-02", "secret ref", "a_secret"))
    assert ([each.name for each in found.gone], [each.name for each in found.offered]) == (["a_***"], ["*** ref"])


def test_churn_of_too_many_names_is_bounded() -> None:
    found = churn(*((f"2026-10-0{1 + number % 9}", None, f"tool_{number}") for number in range(10_050)))
    assert (found.tools_gone, found.runs) == (10_000, 10_050)
