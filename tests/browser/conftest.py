"""A real server and a real Chromium for the tests of this folder; both started once a worker."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_WINDOWS = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
"""Chromium as people use it: it makes a window of its own, with what that needs, for each tab of a test."""
SHELL = "/usr/bin/chromium-headless-shell"
CHROMIUM = SHELL if Path(SHELL).exists() else WITH_WINDOWS
"""The same browser without windows, where it is installed: a tab costs a third of the processor time."""
TIMEOUT = 20_000
"""Milliseconds to wait for what a page should show: on a busy machine of two cores even short answers take seconds."""
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--headless", "--disable-component-update"]
ONE_PROCESS = "--process-per-site"
"""Pages of one context share a process, which keeps what it compiled of the scripts."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


def missing() -> str:
    """What keeps browser tests from running here, "" when nothing does."""
    if CHROMIUM is None:
        return "there is no Chromium (/usr/bin/chromium)"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    if not (ROOT / "static" / "dist" / "app.js").exists():
        return "the page is not built (npm run build)"
    return ""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of this checkout, with its own data; or of BPFSCOPE_TEST_SERVER, which runs already."""
    if given := os.environ.get("BPFSCOPE_TEST_SERVER"):
        yield given
        return
    with serving(tmp_path_factory.mktemp("var")) as address:
        yield address


@contextmanager
def serving(var: Path, **settings: str) -> Iterator[str]:
    """Address of a server of this checkout that keeps its data in `var`. settings -- its environment"""
    why = missing()
    if why:
        if os.environ.get("CI") == "true":
            pytest.fail(f"browser tests cannot run: {why}")
        pytest.skip(f"browser tests are skipped: {why}")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    log = (var / "server.log").open("w")
    environment = {
        **os.environ,
        "SHUTDOWN_SECONDS": "0",
        "DJANGO_SETTINGS_MODULE": "playground.settings",  # the real ones, whatever the other tests run with
        "BPFSCOPE_VAR": str(var),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "WORKERS": "1",
        **settings,
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True, timeout=60
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "playground"],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process, var / "server.log")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(var, ignore_errors=True)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the first page answers, with its stored walk when that is made at start."""
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/", timeout=5) as answer:
                if b'"messages"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.1)
    if process.poll() is not None:
        pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def play() -> Iterator[Any]:
    """Playwright: one for all browsers of a process."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as made:
        yield made


def launched(play: Any, path: str | None) -> Iterator[Any]:
    if path is None:
        pytest.skip("there is no Chromium")
    browser = play.chromium.launch(executable_path=path, args=[*ARGS, ONE_PROCESS])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def chromium(play: Any) -> Iterator[Any]:
    yield from launched(play, CHROMIUM)


class Tab:
    """A page and what went wrong in it: console errors, exceptions, dialogs, policy violations."""

    def __init__(self, context: Any, server: str) -> None:
        self.context = context
        self.server = server
        self.faults: list[str] = []
        self.said: list[dict[str, Any]] = []  # what the page sent to a recorded server
        self.page = context.new_page()
        self.page.on("pageerror", lambda e: self.faults.append(f"exception: {e}"))
        self.page.on("console", lambda m: self.faults.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("dialog", self._dialog)
        self.page.add_init_script(
            "window.violations = [];"
            "document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"
        )

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: str = "/") -> Any:
        self.page.goto(self.server + path)
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def check(self) -> None:
        """Nothing went wrong on the way."""
        assert self.page.evaluate("window.violations") == []
        assert self.faults == []


PLAIN: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""The context without options of each browser."""


def plain_context(chromium: Any, server: str) -> Any:
    """A context without options, for the tests of a browser one after the other.

    Its first page is no test's: it keeps the process of the pages, which opens the next one in two thirds of the time,
    and empties the storage.
    """
    if chromium not in PLAIN:
        context = chromium.new_context()
        context.set_default_timeout(TIMEOUT)
        context.new_page().goto(f"{server}/static/dist/theme.js")
        PLAIN[chromium] = context
    return PLAIN[chromium]


def emptied(context: Any) -> None:
    """Close the tabs of a test, and forget what they stored."""
    keeper, *tabs = context.pages
    for page in tabs:
        page.close()
    context.clear_cookies()
    keeper.evaluate("localStorage.clear()")


@pytest.fixture
def tab(chromium: Any, server: str) -> Iterator[Callable[..., Tab]]:
    """Make a tab whose storage is empty and its own: tab(width=…, height=…, **context options)."""
    plain = plain_context(chromium, server)
    contexts: list[Any] = []

    def make(width: int = 1440, height: int = 900, **options: Any) -> Tab:
        viewport = {"width": width, "height": height}
        if options or plain in contexts:
            contexts.append(chromium.new_context(viewport=viewport, **options))
            contexts[-1].set_default_timeout(TIMEOUT)
            return Tab(contexts[-1], server)
        contexts.append(plain)
        made = Tab(plain, server)
        made.page.set_viewport_size(viewport)
        return made

    yield make
    for context in contexts:
        if context is plain:
            emptied(context)
        else:
            context.close()


@pytest.fixture
def recorded_tab(tab: Callable[..., Tab]) -> Callable[..., Tab]:
    """A tab whose run socket answers with given messages: recorded_tab(messages, …, **context options).

    steps -- of a long walk, for windows
    answers -- messages by the type of the message that asks for them: the questions that the server answers
    """
    from tests.browser.fixtures import recorded

    def make(
        messages: list[dict[str, Any]],
        steps: list[dict[str, Any]] | None = None,
        answers: dict[str, list[dict[str, Any]]] | None = None,
        **options: Any,
    ) -> Tab:
        made = tab(**options)
        known = answers or {}

        def page_(route: Any) -> None:
            answer = route.fetch()
            body = re.sub(r'"analyses": \[[^]]*\]', f'"analyses": {json.dumps([*known])}', answer.text())
            body = re.sub(r'"kernels_missing": "[^"]*"', '"kernels_missing": ""', body)
            route.fulfill(response=answer, body=body)

        made.page.route(re.compile(r":\d+/$"), page_)
        packet = {"kind": "packet", "hex": "02" + "00" * 13}
        draft = json.dumps({"kind": "c", "source": recorded.SOURCE, "options": {}, "input": packet})
        made.page.add_init_script(
            f"localStorage.getItem('bpfscope.draft') ?? localStorage.setItem('bpfscope.draft', {json.dumps(draft)})"
        )

        def socket_(ws: Any) -> None:
            ws.send(json.dumps({"type": "hello", "v": 1, "compiler": "clang 22.1.8", "limits": {"window": 1024}}))

            def on(text: str) -> None:
                message = json.loads(text)
                made.said.append(message)
                if message["type"] in ("run", "resume"):
                    for m in messages:
                        ws.send(json.dumps(m))
                elif message["type"] in known:
                    for m in known[message["type"]]:
                        ws.send(json.dumps(m))
                elif message["type"] == "window" and steps is not None:
                    for m in recorded.window(steps, message["from"], message["to"]):
                        ws.send(json.dumps(m))

            ws.on_message(on)

        made.page.route_web_socket("**/ws/run", socket_)
        return made

    return make
