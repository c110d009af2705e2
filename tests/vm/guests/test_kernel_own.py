"""The emulation beside the kernel it emulates, and what a program needs of a kernel; without a guest."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from vm import pipeline
from vm.btf.types import Btf
from vm.compile.options import SourceFile
from vm.errors import InputError
from vm.kernel.btf import kernel_btf
from vm.kernel.release import RELEASE
from vm.pipeline import Build, BuildOptions, Cell, Source
from vm.pipeline.kernel_needs import Need, lacking, needs
from vm.pipeline.kernel_own import hidden, own_cell, same_release

ASM = b"r0 = 0\nexit\n"


def own() -> Cell:
    cell = pipeline.own_cell(Build(Source("asm", ASM), BuildOptions()), "", log_level=2)
    assert cell is not None and cell.kernel == pipeline.EMULATED
    return cell


def theirs(**changed: Any) -> Cell:
    return replace(own(), kernel="6.12", release=RELEASE.replace("deb12", "deb13"), **changed)


def test_the_same_answer_is_identical_whatever_changes_from_boot_to_boot() -> None:
    log = own().log + "verification time 99 usec\n"
    held = pipeline.verified(own(), theirs(log=log))
    assert held is not None and held.where == ""
    mine, real = (replace(own(), log=f"0: R1=0xffff{n:012x}\n") for n in (1, 2))
    assert (pipeline.verified(mine, theirs(log=real.log)) or held).where == ""


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"verdict": "reject"}, "verdict"), ({"errno": -13}, "errno"), ({"insns_processed": 3}, "insns_processed"),
        ({"log": "other"}, "log"),
    ],
)  # fmt: skip
def test_a_difference_is_named(changed: dict[str, Any], where: str) -> None:
    held = pipeline.verified(own(), theirs(**changed))
    assert held is not None and held.where == where
    assert (held.line == 0) == (where == "log")


@pytest.mark.parametrize("changed", [{"verdict": "limit"}, {"verdict": "error"}, {"release": "7.3.4"}])
def test_what_cannot_be_compared_is_not(changed: dict[str, Any]) -> None:
    cell = theirs(**{name: value for name, value in changed.items() if name != "release"})
    assert pipeline.verified(own(), replace(cell, release=changed.get("release", cell.release))) is None


def test_the_release_is_the_whole_number() -> None:
    number = RELEASE.partition("+")[0]
    assert same_release(number) and same_release(f"{number}-amd64")
    assert not same_release(f"{number}0") and not same_release(number[:-1])


def test_what_a_program_needs_is_read_from_its_instructions() -> None:
    source = Source("asm", b"call bpf_ktime_get_ns\nr0 = 0\nexit\n")
    obj = pipeline.load(source, BuildOptions())
    found = needs(obj, obj.programs[0])
    assert Need("program type", "BPF_PROG_TYPE_XDP", 6) in found
    assert Need("helper", "bpf_ktime_get_ns", 5) in found


class Older:
    """The emulated kernel's types without the names that are given."""

    def __init__(self, *without: str) -> None:
        self.without = without

    def enums_with(self, name: str) -> tuple[int, ...]:
        return kernel_btf().enums_with(name)

    def type(self, number: int) -> Any:
        found = kernel_btf().type(number)
        kept = tuple(each for each in found.enumerators if each.name not in self.without)
        return found._replace(enumerators=kept)

    def find(self, name: str, *kinds: Any) -> Any:
        return None if name in self.without else kernel_btf().find(name, *kinds)


def kernel(name: str, btf: Btf | Older) -> Any:
    return SimpleNamespace(state=SimpleNamespace(name=name), btf=btf)


def test_what_a_kernel_lacks_is_said_with_the_first_that_has_it() -> None:
    wanted = [Need("helper", "bpf_loop", 181), Need("map type", "arena", 33), Need("kfunc", "bpf_rbtree_first")]
    kernels = [
        kernel("5.10", Older("BPF_FUNC_loop", "BPF_MAP_TYPE_ARENA", "bpf_rbtree_first")),
        kernel("6.1", Older("BPF_MAP_TYPE_ARENA", "bpf_rbtree_first")),
        kernel("6.12", kernel_btf()),
    ]
    found = lacking(wanted, kernels, ["5.10", "6.1", "6.12"])
    assert found["6.12"] == [] and len(found["5.10"]) == 3 and len(found["6.1"]) == 2
    assert found["5.10"][0] == "It needs the helper bpf_loop; Linux 6.1 is the first of these kernels that has it."
    assert lacking([Need("kfunc", "no_such_kfunc")], kernels, ["6.1"]) == {
        "6.1": ["It needs the kfunc no_such_kfunc; none of these has it."]
    }


def test_a_program_without_btf_has_no_lines_of_its_source_in_the_log() -> None:
    build = Build(Source("asm", b"r0 = 2\nexit", "two"), BuildOptions())
    own = own_cell(build, "", log_level=2)
    assert own is not None and own.verdict == "accept"
    assert "0: (b7) r0 = 2" in own.log and "@ program" not in own.log


def test_identifiers_of_types_are_hidden() -> None:
    assert hidden("func 'f' arg0 has btf_id 3075 type") == hidden("func 'f' arg0 has btf_id 2991 type")
    assert hidden("25: (85) call bpf_task_from_pid#32451 ; R0") == hidden("25: (85) call bpf_task_from_pid#56923 ; R0")
    assert hidden("8: (85) call bpf_ringbuf_reserve#131") != hidden("8: (85) call bpf_ringbuf_reserve#130")


def test_the_emulations_own_cell_says_why_it_rejects() -> None:
    build = Build(Source("asm", b"r0 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r0 + 4)\nexit\n"), BuildOptions())
    cell = pipeline.own_cell(build, "")
    assert cell is not None and cell.verdict == "reject"
    assert "data_end" in cell.diagnosis[0] and any(line.startswith("Needed: ") for line in cell.diagnosis)
    assert cell.as_json()["diagnosis"] == list(cell.diagnosis)
    assert own().diagnosis == ()


def test_the_name_of_a_header_is_spelt_as_it_is() -> None:
    header = "static __always_inline int first(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }\n"
    text = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include "Parse.h"\n'
    text += 'SEC("xdp") int prog(struct xdp_md *ctx) { return first(ctx); }\n'
    source = Source("c", text.encode(), "prog", files=(SourceFile("Parse.h", header),))
    compiled = pipeline.compile_source(source, BuildOptions())
    cell = own_cell(Build(source, BuildOptions(), compiled.object), "")
    assert cell is not None and cell.verdict == "reject"
    assert any(line.startswith("Line 1 of Parse.h: ") for line in cell.diagnosis), cell.diagnosis


def test_kernels_and_compilers_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there: Any = pipeline.Guests(tuple(SimpleNamespace(name=name) for name in ("5.10", "6.12", "7.3")), "")  # type: ignore[misc]
    assert [state.name for state in there.named(["7.3", "5.10"])] == ["5.10", "7.3"]
    assert len(there.named([])) == 3 and there.usual().name == "6.12"
    with pytest.raises(InputError, match=r"There is no kernel '9\.9'; there are: 5\.10, 6\.12, 7\.3\."):
        there.named(["6.12", "9.9"])
    assert pipeline.Guests((), "none").named(["9.9"]) == ()  # what is missing is said instead
    monkeypatch.setattr("vm.pipeline.kernel_matrix.compilers", lambda: ("15", "18"))
    monkeypatch.setattr("vm.pipeline.kernel_matrix.usual_compiler", lambda: "clang 22.1.8")
    assert pipeline.named_compilers(["", "22", "18", "22"]) == ("", "18")
    with pytest.raises(InputError, match=r"There is no clang '99'; there are: 15, 18, 22\."):
        pipeline.named_compilers(["15", "99"])
