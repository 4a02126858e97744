"""Reports over HTTP: the pages of versions and nothing else, to this machine's browsers alone."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline.orchestration.overview.report_server import make_server
from toolft_pipeline.stages import eval_report
from toolft_pipeline.stages.presentation.report_links import page_url
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import commit

Answer = tuple[int, dict[str, str], str]


@pytest.fixture
def version(tmp_path: Path) -> Version:
    files = {eval_report.STAGE.page or "": "<p>the report</p>", "generations.parquet": "private"}
    return commit(Warehouse(tmp_path / "warehouse"), "eval_report", "2026-10-02", "r", files=files, headline={})


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "secret.html").write_text("no page of a version")
    server = make_server(tmp_path / "warehouse", port=0, overview=lambda: "<p>all agents</p>")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def ask(port: int, path: str, *, host: str = "127.0.0.1", method: str = "GET") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


def path_of(version: Version) -> str:
    return page_url(version).removeprefix("http://127.0.0.1:3002")


def test_server_gives_the_page_of_a_version_with_headers_that_let_it_load_nothing(port: int, version: Version) -> None:
    status, headers, body = ask(port, path_of(version))
    assert (status, body) == (200, "<p>the report</p>")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_server_head_gives_no_body_and_other_methods_are_refused(port: int, version: Version) -> None:
    assert ask(port, path_of(version), method="HEAD")[::2] == (200, "")
    assert ask(port, path_of(version), method="POST")[0] == 501


def test_server_begins_with_the_overview(port: int) -> None:
    assert ask(port, "/")[::2] == (200, "<p>all agents</p>")


@pytest.mark.parametrize(
    "path",
    [
        "/desk/eval_report/2026-10-02/no-such-version",
        "/desk/eval_report/2026-10-02/{name}/generations.parquet",
        "/desk/raw_trajectories/2026-10-02/{name}",
        "/desk/eval_report/2026-10-02/..",
        "/../secret.html",
        "/desk/eval_report/..%2f..%2f..%2f..%2fsecret.html/{name}",
        "/desk%2feval_report/2026-10-02/{name}",
        "//desk/eval_report/2026-10-02/{name}/..",
        "/desk/eval_report/2026-10-02/{name}%00",
    ],
)
def test_server_gives_nothing_but_pages(port: int, version: Version, path: str) -> None:
    assert ask(port, path.format(name=version.folder.name))[0] == 404


def test_server_refuses_a_host_that_is_not_its_own(
    port: int, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(version)
    for host in ("evil.example", "", "127.0.0.1.evil.example"):
        assert ask(port, path, host=host)[0] == 403
    assert ask(port, path, host="localhost:3002")[0] == 200
    monkeypatch.setenv("TOOLFT_REPORTS_URL", "https://reports.example/toolft")
    assert ask(port, path, host="reports.example")[0] == 200


def test_links_follow_the_public_address(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLFT_REPORTS_URL", "/reports/")
    assert page_url(version) == f"/reports/desk/eval_report/2026-10-02/{version.folder.name}"
