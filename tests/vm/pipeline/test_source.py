"""Compilations that were made a moment ago are not made again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vm import compile as compiler
from vm.compile import Compilation, CompileOptions
from vm.pipeline import BuildOptions, Source
from vm.pipeline.source import _Kept, compile_source

MADE = Compilation(True, b"", (), (), (), "clang", 1.0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that clang would get; it makes two bytes for each letter, "slow" hits a limit, "bad" fails."""
    found: list[str] = []

    def compile_c(source: str, options: CompileOptions) -> Compilation:
        found.append(f"{source} -{options.opt}")
        limit = "time" if source == "slow" else None
        made = source.encode() * 2 if source not in ("slow", "bad") else None
        return replace(MADE, ok=made is not None, object=made, limit=limit)

    monkeypatch.setattr(compiler, "compile_c", compile_c)
    monkeypatch.setattr("vm.pipeline.source._kept", _Kept())
    return found


def compiled(text: str, options: BuildOptions | None = None) -> Compilation:
    return compile_source(Source("c", text.encode()), options or BuildOptions())


def test_the_same_source_with_the_same_options_is_compiled_once(asked: list[str]) -> None:
    assert compiled("a") == compiled("a") == compiled("a", BuildOptions(prog_type="tc"))
    compiled("a", BuildOptions(opt="O1"))
    compiled("b")
    assert compiled("a").object == b"aa"
    assert asked == ["a -O2", "a -O1", "b -O2"]


def test_an_error_is_the_same_again_and_a_limit_may_not_be(asked: list[str]) -> None:
    for text in ("bad", "bad", "slow", "slow"):
        assert not compiled(text).ok
    assert asked == ["bad -O2", "slow -O2", "slow -O2"]


def test_few_are_kept_the_last_used(asked: list[str]) -> None:
    for number in range(_Kept.MOST):
        compiled(str(number))
    compiled("0")
    compiled("one more")
    asked.clear()
    compiled("0")
    compiled("1")
    assert asked == ["1 -O2"]


def test_few_bytes_are_kept(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Kept, "BYTES", 10)
    for text in ("aa", "bb", "cc"):
        compiled(text)
    asked.clear()
    compiled("cc")
    compiled("bb")
    compiled("aa")
    assert asked == ["aa -O2"]
    compiled("d" * 100)
    asked.clear()
    compiled("d" * 100)
    compiled("bb")
    assert asked == ["bb -O2"]
