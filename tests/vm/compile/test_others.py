"""Other versions of clang: which are there, what they lack, and a source as each of them makes it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from vm import pipeline
from vm.compile import others
from vm.compile.compiler import compile_c
from vm.compile.model import CompileOptions
from vm.compile.options import MCPUS
from vm.compile.toolchain import compilers
from vm.errors import InputError
from vm.pipeline import BuildOptions, Source

PROGRAM = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int keep(struct xdp_md *ctx) { return XDP_PASS; }
char LICENSE[] SEC("license") = "GPL";
"""


def test_only_folders_with_a_compiler_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BPFSCOPE_COMPILERS", str(tmp_path))
    assert others.others() == {}
    for name in ("clang-9", "clang-15", "clang-x", "gcc-15", "clang-16"):
        (tmp_path / name).mkdir()
        if name != "clang-16":
            (tmp_path / name / "zig").write_text("")
            (tmp_path / name / "zig").chmod(stat.S_IRWXU)
    assert list(others.others()) == ["9", "15"]
    monkeypatch.setenv("BPFSCOPE_COMPILERS", str(tmp_path / "none"))
    assert others.others() == {}


def test_the_cache_folder_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPFSCOPE_COMPILERS", raising=False)
    monkeypatch.setenv("BPFSCOPE_CACHE", "/somewhere")
    assert others.folder() == Path("/somewhere/bpfscope/compilers")


def test_what_a_compiler_lacks_is_said() -> None:
    assert set(others.MCPU_SINCE) <= set(MCPUS)
    assert others.lacks("17", "v4") == "clang 17 has no -mcpu=v4: it came with clang 18."
    assert not others.lacks("18", "v4") and not others.lacks("15", "v3") and not others.lacks("", "v4")


def test_a_compiler_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no clang 3 here"):
        compile_c(PROGRAM, CompileOptions(clang="3"))


def test_a_build_that_fails_keeps_its_reason() -> None:
    made = pipeline.builds(Source("c", PROGRAM.encode()), BuildOptions(), ["", "3"], ["v2", "v3"])
    assert [(each.options.clang, each.options.mcpu, bool(each.failed)) for each in made] == [
        ("", "v2", False), ("", "v3", False), ("3", "v2", True), ("3", "v3", True),
    ]  # fmt: skip
    (broken,) = pipeline.builds(Source("c", b"int x"), BuildOptions())
    assert "does not compile it" in broken.failed and broken.compiled is None
    (asm,) = pipeline.builds(Source("asm", b"exit"), BuildOptions(), ["", "3"], ["v2", "v3"])
    assert not asm.failed


@pytest.mark.guests
def test_each_compiler_makes_an_object_and_says_its_version() -> None:
    if not compilers():
        pytest.skip("there are no other compilers: run `make compilers`")
    for clang in compilers():
        made = compile_c(PROGRAM, CompileOptions(clang=clang))
        assert made.ok and made.compiler.startswith(f"clang {clang}."), made.diagnostics
