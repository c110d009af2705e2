"""The main flow in Debian's firefox-esr, which Playwright drives over WebDriver BiDi (through bidi_relay.py)."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Tab
from tests.vm.compile.test_own_files import MAIN, MINE

FIREFOX = shutil.which("firefox-esr")
pytestmark = pytest.mark.firefox
RELAY = Path(__file__).with_name("bidi_relay.py")


@pytest.fixture(scope="module")
def firefox(play: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if FIREFOX is None:
        pytest.skip("there is no firefox-esr (Debian's package of that name)")
    start = tmp_path_factory.mktemp("firefox") / "firefox"
    start.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(RELAY), FIREFOX])} "$@"\n')
    start.chmod(0o755)
    browser = play.firefox.launch(channel="moz-firefox", executable_path=str(start), timeout=60_000)
    yield browser
    browser.close()


@pytest.fixture
def made(firefox: Any, server: str) -> Iterator[Tab]:
    context = firefox.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    yield Tab(context, server)
    context.close()


def state(page: Any, field: str) -> Any:
    return page.evaluate(f"document.querySelector('bs-editor').store.state.{field}")


def test_the_first_program_is_stepped_through(made: Tab) -> None:
    page = made.open()
    assert page.locator(".stage").first.is_visible()
    assert state(page, "stages.verify.verdict") == "accept"
    before = state(page, "step")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert state(page, "step") == before + 2
    page.keyboard.press("ArrowLeft")
    assert state(page, "step") == before + 1
    assert page.locator("bs-insns .vl-row.active").count() == 1
    page.keyboard.press("m")
    assert state(page, "view") == "run"
    made.check()


def test_a_rejected_program_says_why(made: Tab) -> None:
    page = made.open("/examples/missing-bounds-check")
    page.locator("bs-why article, bs-why .card, bs-why h3").first.wait_for()
    assert state(page, "stages.verify.verdict") == "reject"
    page.locator("bs-editor .bs-sentence").wait_for()
    made.check()


def test_a_program_of_two_files_is_written_and_run(made: Tab) -> None:
    page = made.open()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(MAIN)
    page.get_by_role("button", name="+ Header").click()
    page.keyboard.type("mine.h")
    page.keyboard.press("Enter")
    page.locator(".file-tab[aria-selected='true']", has_text="mine.h").wait_for()
    page.locator(".cm-content").click()
    page.keyboard.insert_text(MINE)
    page.keyboard.press("Control+Enter")
    page.locator("bs-editor .bs-sentence").wait_for()
    assert state(page, "stages.verify.fail.file") == "mine.h"
    page.locator("bs-why .fix-card button", has_text="Apply").first.click()
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.stages.verify?.verdict === 'accept'")
    made.check()
