"""What holds for every test."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from _pytest.pathlib import import_path
from hypothesis import settings
from pytest_rerunfailures import StatusDB  # type: ignore[import-untyped]

# How long one example takes says more of the machine than of the code.
settings.register_profile("bpfscope", deadline=None)
settings.load_profile("bpfscope")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """With --reruns, do not ask the first process before each test how often it crashed, in a few messages each.

    A test that kills its process has then failed, and is not run again.
    """
    if hasattr(config, "workerinput") and hasattr(config, "failures_db"):
        config.failures_db = StatusDB()


def pytest_collection(session: pytest.Session) -> None:
    """The processes of a run share the work of compiling the tests' assertions, half of the time of collecting them.

    pytest keeps what it compiled beside each file. Each process collects all tests, and at first, in the same order,
    would compile all of them; here each begins with files of its own, and then finds the others' done.
    """
    process = getattr(session.config, "workerinput", None)
    if process is None:
        return
    asked = [Path(each.split("::")[0]).absolute() for each in session.config.args]
    files = sorted({file for each in asked for file in ([each] if each.is_file() else each.rglob("test_*.py"))})
    for file in files[int(process["workerid"].removeprefix("gw")) :: process["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # a file that fails or skips says so when it is collected
            import_path(file, root=session.config.rootpath, consider_namespace_packages=False)


def pytest_collection_finish() -> None:
    """The tests themselves stay until the end: the garbage collector need not look through them again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything has to run, a browser test that was skipped has failed. Not every system has Firefox."""
    report = yield
    chromium = item.get_closest_marker("browser") and not item.get_closest_marker("firefox")
    if report.skipped and os.environ.get("CI") == "true" and chromium:
        report.outcome = "failed"
        report.longrepr = f"skipped under CI=true: {report.longrepr}"
    return report
