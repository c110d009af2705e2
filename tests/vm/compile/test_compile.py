"""What compile_c says of sources good and bad. The compiler is the real one, in its sandbox."""

from __future__ import annotations

import io
import os
import time
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from vm.compile import CompileOptions, compile_c, compiler
from vm.compile.missing import facts
from vm.compile.vmlinux import vmlinux_for
from vm.csource.text import apply
from vm.errors import InputError, LimitError

HEAD = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
PROGRAM = 'SEC("xdp") int prog(struct xdp_md *ctx) { return XDP_PASS; }\n'
TAIL = 'char LICENSE[] SEC("license") = "GPL";\n'


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """The first compile of a process is given longer: the compiler may have to come from the disk."""
    assert compile_c("int x;\n").ok


def sections(data: bytes) -> dict[str, bytes]:
    return {s.name: s.data() for s in ELFFile(io.BytesIO(data)).iter_sections()}


def test_a_good_program_becomes_an_object_with_btf_and_without_dwarf() -> None:
    done = compile_c(HEAD + PROGRAM + TAIL)
    assert done.ok and done.object is not None
    assert (done.diagnostics, done.missing, done.added, done.limit) == ((), (), (), None)
    found = sections(done.object)
    assert found["xdp"].hex() == "b4000000020000009500000000000000"
    assert b"int prog(struct xdp_md *ctx) { return XDP_PASS; }" in found[".BTF"]
    assert not any(name.startswith(".debug") for name in found)
    assert done.compiler.startswith("clang ")


def test_symbols_and_relocations_survive_the_loss_of_dwarf() -> None:
    source = (
        HEAD
        + "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, long); }"
        ' counts SEC(".maps");\nlong hits;\n'
        'SEC("xdp") int prog(void *ctx) { int k = 0; hits++; return bpf_map_lookup_elem(&counts, &k) != 0; }\n' + TAIL
    )
    done = compile_c(source)
    assert done.object is not None
    elf: Any = ELFFile(io.BytesIO(done.object))
    relocations = elf.get_section_by_name(".relxdp")
    symbols = elf.get_section(relocations["sh_link"])
    names = {symbols.get_symbol(r["r_info_sym"]).name for r in relocations.iter_relocations()}
    assert names == {"counts", "hits"}
    counts = symbols.get_symbol_by_name("counts")[0]
    assert elf.get_section(counts["st_shndx"]).name == ".maps"


@pytest.mark.parametrize("opt", ["O0", "O1", "O2"])
@pytest.mark.parametrize("mcpu", ["v1", "v2", "v3", "v4"])
def test_every_option_compiles(opt: str, mcpu: str) -> None:
    assert compile_c(HEAD + PROGRAM + TAIL, CompileOptions(opt=opt, mcpu=mcpu)).ok


def test_findings_have_their_place() -> None:
    done = compile_c(HEAD + 'SEC("xdp") int prog(void *ctx)\n{\n\tint é = 1; return unknown + é;\n}\n' + TAIL)
    assert not done.ok
    (finding,) = done.diagnostics
    assert (finding.line, finding.column, finding.end_column) == (5, 20, 27)
    assert finding.severity == "error"
    assert finding.message == "use of undeclared identifier 'unknown'"


def test_a_finding_in_a_header_stands_at_the_include() -> None:
    done = compile_c("#define xdp_md 7\n#include <linux/bpf.h>\n")
    assert not done.ok
    assert done.diagnostics[0].line == 2
    assert "(in <linux/bpf.h>, line " in done.diagnostics[0].message


def test_no_reply_holds_a_path_of_this_machine() -> None:
    source = '#include "nowhere.h"\n'
    found = compile_c(source)
    assert found.diagnostics[0].message == "'nowhere.h' file not found"
    good = compile_c(HEAD + 'SEC("xdp") int f(void *c) { bpf_printk("%s", __FILE__); return 0; }\n' + TAIL)
    assert good.object is not None
    for word in (b"site-packages", b"/tmp", b"/home", b"/root", b"ziglang", b"bpfscope-"):
        assert word not in good.object


@pytest.mark.parametrize("pragma", ["crash", "parser_crash", "llvm_fatal_error"])
def test_a_crash_is_one_sentence(pragma: str) -> None:
    done = compile_c(f"#pragma clang __debug {pragma}\nint x;\n")
    assert not done.ok
    (finding,) = done.diagnostics
    assert finding.message == "The compiler crashed on this source. That is a fault of the compiler, not of yours."


def test_an_error_that_speaks_of_memory_is_no_limit() -> None:
    done = compile_c("#error LLVM ERROR: out of memory, PLEASE submit a bug report\n")
    assert done.limit is None
    assert done.diagnostics[0].message == "LLVM ERROR: out of memory, PLEASE submit a bug report"


BOMBS: dict[str, tuple[str, set[str | None]]] = {
    "array": ("char a[1u << 31] = {1};\n", {"output"}),
    "sparse array": ("int a[] = {[200000000] = 7, 1};\n", {"memory", "cpu", "time"}),
    "string doubling": (
        '#define A "xxxxxxxxxxxxxxxx"\n'
        + "".join(f"#define {chr(66 + i)} {chr(65 + i)} {chr(65 + i)}\n" for i in range(24))
        + "const char s[] = Y;\n",
        {"memory", "cpu", "time", "output"},
    ),
    "fill": ('__asm__(".rept 100000000\\n.quad 1\\n.endr");\n', {"memory", "cpu", "time", "output"}),
    "self include": ('#include __FILE__\n#include __FILE__\n', {"cpu", "time", "memory", "output", None}),
    "warnings": ("#warning xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 1400, {"output", None}),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_with_the_limit_they_hit(name: str) -> None:
    source, limits = BOMBS[name]
    done = compile_c(source)
    assert done.limit in limits
    assert done.ms < 6000
    if done.limit is not None:
        assert not done.ok
        assert done.diagnostics[0].message.startswith("The compiler was stopped")


def test_the_next_compile_works_after_a_killed_one() -> None:
    assert compile_c("int a[] = {[200000000] = 7, 1};\n").limit is not None
    assert compile_c(HEAD + PROGRAM + TAIL).ok


def test_inputs_that_cannot_be_tried_are_refused() -> None:
    with pytest.raises(LimitError, match="64 KiB"):
        compile_c("/" * 65537)
    with pytest.raises(InputError, match="NUL"):
        compile_c("int a;\n\0")
    with pytest.raises(InputError, match="surrogate"):
        compile_c("int a;\n\ud800")
    with pytest.raises(InputError, match="'O9'"):
        compile_c(PROGRAM, CompileOptions(opt="O9"))
    with pytest.raises(InputError, match="'v9'"):
        compile_c(PROGRAM, CompileOptions(mcpu="v9"))


def test_the_whole_stage_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs a source needs, and however slow the first is: `limit` is said within the stage's time."""
    source = "".join(f'#include "missing_{n}.h"\n' for n in range(9)) + PROGRAM
    monkeypatch.setattr(compiler, "STAGE_WALL", 0.0)
    done = compile_c(source, CompileOptions(fix_includes=True))
    assert (done.ok, done.limit, done.object) == (False, "time", None)


def test_no_run_gets_more_time_than_the_stage_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    for warm in (set(), {(os.getpid(), "")}):
        monkeypatch.setattr(compiler, "_warm", warm)
        assert compiler._limits(now + 1.5).wall <= 1.5
        assert compiler._limits(now + compiler.STAGE_WALL).wall <= compiler.STAGE_WALL
    assert compiler._limits(now + 100).wall == compiler.LIMITS.wall


SLOW_TO_READ = {
    "strings that do not end": '"\\' * 32_000,
    "characters that do not end": "'\\" * 32_000,
    "comments that do not end": "/*" * 32_000,
    "sections that do not end": 'SEC( "' * 10_000,
    "includes that do not end": '#include "' * 6_000,
    "a word for each of the kernel's types": '#include "vmlinux.h"\n' + "".join(f"struct s{n};" for n in range(5_500)),
}


@pytest.mark.parametrize("name", SLOW_TO_READ)
def test_reading_a_source_takes_time_in_proportion_to_its_length(name: str) -> None:
    source = SLOW_TO_READ[name]
    begin = time.process_time()
    facts(source)
    vmlinux_for(source)
    assert time.process_time() - begin < 2.5


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("0: (bf) r6 = r1\nR1 invalid mem access 'inv'\nprocessed 1 insns\n", "verifier log"),
        ("kprobe:vfs_read { @[comm] = count(); }\n", "bpftrace"),
        ("#include <linux/sched.h>\nBPF_HASH(counts, u32);\n", "BCC"),
        ("r0 = 1\nexit\n", "assembly"),
    ],
)
def test_what_is_no_c_is_not_compiled(source: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_run", None)
    with pytest.raises(InputError, match=words):
        compile_c(source)


TOO_LARGE = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct record { int pid; char text[600]; };

SEC("xdp")
int copy(struct xdp_md *ctx)
{
    struct record r = {};

    r.pid = ctx->ingress_ifindex;
    bpf_xdp_load_bytes(ctx, 0, r.text, sizeof(r.text));
    bpf_printk("%d %s", r.pid, r.text);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
"""


def test_a_variable_that_does_not_fit_on_the_stack_is_moved_to_a_map() -> None:
    found = compile_c(TOO_LARGE, CompileOptions())
    assert not found.ok
    (remark,) = found.remarks
    assert remark.line == 9
    assert "600" in remark.message or "604" in remark.message
    assert remark.fix is not None
    changed = apply(TOO_LARGE, remark.fix)
    assert "r_area->pid" in changed
    assert compile_c(changed, CompileOptions()).ok


def test_an_initialiser_with_values_stays_where_it_is() -> None:
    found = compile_c(TOO_LARGE.replace("r = {}", "r = {.pid = 3}"), CompileOptions())
    assert not found.ok
    assert not found.remarks
