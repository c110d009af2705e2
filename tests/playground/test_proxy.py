"""docs/proxy: the configurations of nginx and Caddy, run with TLS in front of a server, where they are installed."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.playground.test_server import command

CONFIGURATIONS = Path(__file__).parents[2] / "docs" / "proxy"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


class Proxy(NamedTuple):
    port: int
    tls: ssl.SSLContext

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.tls, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def nginx(program: str, folder: Path, server: str, port: int) -> list[str]:
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-out", str(certificate), "-keyout", str(key)],
        check=True, capture_output=True,
    )  # fmt: skip
    text = (CONFIGURATIONS / "nginx.conf").read_text()
    text = text.replace("/etc/letsencrypt/live/bpf.example.org", str(folder)).replace("bpf.example.org", "localhost")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8000", server)
    (folder / "site.conf").write_text(text)
    kept = "".join(
        f"{name}_temp_path {folder / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder / 'pid'}; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off;\n{kept}include {folder / 'site.conf'};\n}}\n"
    )
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(program: str, folder: Path, server: str, port: int) -> list[str]:
    text = (CONFIGURATIONS / "Caddyfile").read_text()
    text = text.replace("\nbpf.example.org {", f"\nhttps://localhost:{port} {{").replace("127.0.0.1:8000", server)
    options = "{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(options + text)
    return [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


PROXIES: dict[str, Callable[[str, Path, str, int], list[str]]] = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module", params=list(PROXIES))
def proxy(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which(request.param, path=PATH)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    server = command(folder / "var", TRUSTED_PROXIES="1", ALLOWED_HOSTS="localhost", SHARES_PER_HOUR="2")
    assert server.stdout is not None
    found = re.fullmatch(r"bpfscope is at http://(127\.0\.0\.1:\d+)\n", server.stdout.readline())
    assert found
    port = free_port()
    environment = {"PATH": PATH, "HOME": str(folder)}
    line = PROXIES[request.param](program, folder, found[1], port)
    running = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    made = Proxy(port, tls)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                if made.ask("GET", "/healthz")[0] in (200, 503):
                    break
            except OSError:
                assert time.monotonic() < end and running.poll() is None, running.communicate(timeout=5)[0]
            time.sleep(0.1)
        yield made
    finally:
        for each in (running, server):
            each.terminate()
            each.communicate(timeout=20)


def test_a_page_and_its_files_come_through(proxy: Proxy) -> None:
    status, page = proxy.ask("GET", "/")
    assert status == 200 and b"bpfscope" in page
    assert proxy.ask("GET", "/static/reference.json")[0] in (200, 404)  # 404 where the page was not built


def test_a_program_runs_over_the_socket(proxy: Proxy) -> None:
    address = f"wss://localhost:{proxy.port}/ws/run"
    with connect(address, ssl=proxy.tls, origin=Origin(f"https://localhost:{proxy.port}")) as opened:
        assert json.loads(opened.recv(20))["type"] == "hello"
        program = {"kind": "asm", "source": "r0 = 7\nexit"}
        opened.send(json.dumps({"type": "run", "v": 1, "request": program}))
        told: list[dict[str, Any]] = []
        while not told or told[-1]["type"] != "done":
            told.append(json.loads(opened.recv(30)))
    assert any(message.get("verdict") == "accept" for message in told)


def test_links_have_the_address_that_visitors_see_and_addresses_are_not_believed(proxy: Proxy) -> None:
    answers = []
    for n in range(3):
        body = json.dumps({"kind": "asm", "source": f"r0 = {n}\nexit"}).encode()
        spoofed = {"Content_Type": "application/json", "X_Forwarded_For": f"198.51.100.{n}"}
        answers.append(proxy.ask("POST", "/api/share", body, **spoofed))
    assert [status for status, _ in answers] == [201, 201, 429]
    assert json.loads(answers[0][1])["url"].startswith(f"https://localhost:{proxy.port}/s/")


def test_a_long_log_is_uploaded_and_a_longer_one_refused(proxy: Proxy) -> None:
    assert proxy.ask("POST", "/api/log", b"0: (b7) r0 = 2\n" * 400_000)[0] == 201
    with pytest.raises(OSError):
        status, _ = proxy.ask("POST", "/api/uploads?kind=log", b"x" * (101 << 20))
        raise OSError if status == 413 else AssertionError(status)


def test_answers_are_streamed(proxy: Proxy) -> None:
    body = json.dumps({"kind": "asm", "source": "r0 = 3\nexit"}).encode()
    status, lines = proxy.ask("POST", "/api/runs", body, Accept="application/x-ndjson")
    assert status == 200 and lines.count(b"\n") > 3


def test_figures_are_not_for_visitors(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/metrics")[0] == 403
