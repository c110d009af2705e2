"""A compiler that was started ahead says of a source what one says that was started for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from playground.present.run import run_job
from vm.compile import Compilation, CompileOptions, compile_c, start_ahead
from vm.compile.toolchain import launcher

ROOT = Path(__file__).parents[3]
HEAD = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
PROGRAM = 'SEC("xdp") int prog(struct xdp_md *ctx) { return XDP_PASS; }\n'
TAIL = 'char LICENSE[] SEC("license") = "GPL";\n'
SOURCES = {
    "an example": (ROOT / "examples" / "count_drop.c").read_text(),
    "vmlinux.h": '#include "vmlinux.h"\n' + HEAD.split("\n")[1] + "\n" + PROGRAM + TAIL,
    "an error": HEAD + PROGRAM.replace("XDP_PASS", "XDP_PAS") + TAIL,
    "something missing": PROGRAM,
    "a warning": HEAD + PROGRAM.replace("return", "int *p = 5; return") + TAIL,
    "no include": "int x;\n",
    "64 KiB": HEAD + PROGRAM + TAIL + "//" + "x" * (65536 - len(HEAD + PROGRAM + TAIL) - 3) + "\n",
    "itself": HEAD + '#include "program.c"\n' + PROGRAM + TAIL,
    "itself, by a name that is made": "#ifndef AGAIN\n#define AGAIN\n#define TEXT(x) #x\n#define NAME(x, y) TEXT(x.y)\n"
    + HEAD
    + "#include NAME(program, c)\nint other(void) { return second(); }\n#else\n"
    + 'SEC("xdp") int second() { return 2; }\n#endif\n',
    "itself, by name": HEAD + "#if __has_include(__FILE__)\nint yes;\n#endif\n" + PROGRAM + TAIL,
}


def waiting(count: int = 1) -> list[str]:
    """The processes below the launcher, once there are so many and they wait for their source."""
    pid = launcher().pid
    children: list[str] = []
    for _ in range(500):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        states = [Path(f"/proc/{child}/wchan").read_text() for child in children]
        if states == ["wait_for_partner"] * count:
            return children
        time.sleep(0.01)
    raise AssertionError(f"{len(children)} processes instead of {count}")


def compared(done: Compilation) -> tuple[object, ...]:
    return done.ok, done.object, done.diagnostics, done.missing, done.added, done.limit, done.remarks


@pytest.mark.parametrize("name", SOURCES)
def test_the_answer_is_the_same(name: str) -> None:
    compile_c("int x;\n")
    waiting(0)
    fresh = compile_c(SOURCES[name])
    waiting(0)
    start_ahead()
    (pid,) = waiting()
    assert compared(compile_c(SOURCES[name])) == compared(fresh)
    waiting(0)
    assert not Path(f"/proc/{pid}").exists()


def test_one_source_does_not_change_what_is_made_of_the_next() -> None:
    wanted = compared(compile_c(SOURCES["an example"]))
    hostile = [
        HEAD + "#define XDP_PASS 77\n#pragma clang system_header\n#pragma pack(1)\n" + PROGRAM + TAIL,
        HEAD + '#pragma clang diagnostic ignored "-Wall"\n' + "x" * 1000,
        HEAD + '__asm__(".incbin \\"program.c\\"");\n' + PROGRAM + TAIL,
        HEAD + '__asm__(".popsection\\n.cfi_endproc\\n");\n',
        '#include "program.c"\n' * 100,
    ]
    for source in hostile:
        compile_c(source)
        start_ahead()
        assert compared(compile_c(SOURCES["an example"])) == wanted
        start_ahead()
        waiting()


def test_other_options_are_compiled_with_them() -> None:
    source = SOURCES["an example"]
    wanted = compared(compile_c(source, CompileOptions(opt="O0", mcpu="v1")))
    for _ in range(2):
        start_ahead()
        (pid,) = waiting()
        assert compared(compile_c(source, CompileOptions(opt="O0", mcpu="v1"))) == wanted
        waiting(0)
        assert not Path(f"/proc/{pid}").exists()


def test_a_job_has_the_next_compiler_started_whatever_its_source_is() -> None:
    for source in (SOURCES["an example"], SOURCES["an error"], "a\0b"):
        ended = [m["status"] for m in run_job({"kind": "c", "source": source, "options": {}}) if m["type"] == "stage"]
        assert "failed" in ended or "done" in ended
        waiting()
    compile_c("int x;\n")
    waiting(0)
