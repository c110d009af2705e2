"""What vm.pipeline exports, and when it is imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from vm import pipeline

ROOT = Path(__file__).parents[3]
MODULES = {path.stem for path in Path(pipeline.__file__).parent.glob("*.py")} - {"__init__"}


def test_everything_exported_is_there() -> None:
    for name in pipeline.__all__:
        assert getattr(pipeline, name) is not None
    for name, (module, there) in pipeline.LATER.items():
        assert getattr(pipeline, name) is getattr(import_module(f"vm.pipeline.{module}"), there)
    assert set(pipeline.LATER) <= set(pipeline.__all__)


def test_no_module_has_the_name_of_an_export() -> None:
    """Importing a module replaces the package's attribute of that name."""
    assert MODULES & set(pipeline.__all__) == set()


def test_a_name_that_is_not_exported() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pipeline.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_later_stages_are_imported_when_they_are_asked_for() -> None:
    code = (
        "import sys; from vm import pipeline\n"
        "later = {f'vm.pipeline.{module}' for module, _ in pipeline.LATER.values()}\n"
        "assert not later & set(sys.modules), later & set(sys.modules)\n"
        "pipeline.contents; assert 'vm.pipeline.object_contents' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
