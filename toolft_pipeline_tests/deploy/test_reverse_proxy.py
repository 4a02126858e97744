"""The proxy asks for a password on both ports, lets in whom that port names, and keeps the password to itself."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

EXAMPLE = REPOSITORY / "deploy" / "reverse-proxy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PEOPLE = {"readers": "anna", "operators": "olga"}


def test_proxy_has_tls_and_a_password_on_every_port_and_nothing_but_loopback_behind() -> None:
    text = re.sub(r"#.*", "", EXAMPLE.read_text(encoding="utf-8"))
    listens = re.findall(r"listen\s+([^;]+);", text)
    assert listens == ["8443 ssl", "8444 ssl"]
    assert text.count("auth_basic ") == text.count("server {") == 1
    assert "auth_basic off" not in text
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) == {"127.0.0.1"}


def test_servers_of_the_makefile_listen_on_loopback_alone_on_the_ports_that_the_proxy_knows() -> None:
    commands = re.findall(
        r"\$\(BIN\)/(dagster(?:-webserver| dev).*)", (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    )
    assert len(commands) == 2
    assert all("--host 127.0.0.1" in command for command in commands)
    ports = {re.findall(r"--port (\d+)", command)[0]: "--read-only" in command for command in commands}
    assert ports == {"3000": False, "3001": True}
    behind = dict(re.findall(r"(\d{4}) 127\.0\.0\.1:(\d+);", EXAMPLE.read_text(encoding="utf-8")))
    assert behind == {"8443": "3001", "8444": "3000"}


class _Behind(BaseHTTPRequestHandler):
    """Stands for Dagster's webserver: says on which port it was reached and what it received of the password."""

    def do_GET(self) -> None:
        port = self.server.server_port  # type: ignore[attr-defined]
        said = f"{port} {self.headers['Authorization']}".encode()
        if self.path != "/":
            said += f" {self.path} {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_arguments: object) -> None:
        """Nothing is logged."""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[dict[str, int]]:
    """The example on free ports, with a server behind each; ports by the name that they have in the example."""
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("no nginx, or no openssl")
    behind = {name: HTTPServer(("127.0.0.1", 0), _Behind) for name in ("3000", "3001", "3002")}
    found = {name: server.server_port for name, server in behind.items()} | {
        name: _free_port() for name in ("8443", "8444")
    }
    text = re.sub(r"\b(3000|3001|3002|8443|8444)\b", lambda name: str(found[name.group()]), EXAMPLE.read_text())
    (tmp_path / "nginx.conf").write_text(f"daemon off;\nuser {os.environ.get('USER', 'root')};\n{text}")
    certificate = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout server.key -out server.crt"
    subprocess.run(["openssl", *certificate.split()], cwd=tmp_path, check=True, capture_output=True)
    for file, person in PEOPLE.items():
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", f"{person}-secret"], check=True, capture_output=True, text=True
        ).stdout
        (tmp_path / file).write_text(f"{person}:{hashed}")
    command = [NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    for server in behind.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield found
    finally:
        process.terminate()
        process.wait(timeout=HANG_S)
        for server in behind.values():
            server.shutdown()


def _ask(port: int, person: str | None, path: str = "/") -> tuple[int, str]:
    """Status and answer of the proxy on a port, as that person or without a password."""
    request = Request(f"https://127.0.0.1:{port}{path}")
    if person is not None:
        credentials = base64.b64encode(f"{person}:{person}-secret".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
    trusting = ssl._create_unverified_context()  # the certificate is the test's own
    deadline = time.monotonic() + HANG_S
    while True:
        try:
            with urlopen(request, timeout=HANG_S, context=trusting) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, ""
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_proxy_lets_readers_look_and_operators_work_and_nobody_else(ports: dict[str, int]) -> None:
    assert _ask(ports["8443"], "anna") == (200, f"{ports['3001']} None")
    assert _ask(ports["8444"], "olga") == (200, f"{ports['3000']} None")
    refused = [(port, person) for port in ("8443", "8444") for person in (None, "mallory")]
    refused += [("8444", "anna"), ("8443", "olga")]
    assert [_ask(ports[port], person)[0] for port, person in refused] == [401] * 6


def test_proxy_opens_reports_to_its_people_on_both_ports_and_to_nobody_else(ports: dict[str, int]) -> None:
    page = "/reports/desk/eval_report/2026-10-02/v1"
    reached = (200, f"{ports['3002']} None /desk/eval_report/2026-10-02/v1 127.0.0.1")
    assert _ask(ports["8443"], "anna", page) == reached
    assert _ask(ports["8444"], "olga", page) == reached
    assert _ask(ports["8443"], None, page)[0] == _ask(ports["8444"], "anna", page)[0] == 401
