"""Return values as hooks read them."""

from __future__ import annotations

import dataclasses

import pytest

from tests.vm.runner.programs import EXIT, program
from vm import pipeline
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.types import BPF_LSM_CGROUP
from vm.runner.context import PROG_TYPES
from vm.runner.inputs import NoInput, RunLimits
from vm.runner.results import ACTIONS, errno_text, result_text

U64 = (1 << 64) - 1
LSM = 29


@pytest.mark.parametrize(
    ("kind", "r0", "text"),
    [
        ("lsm", 4294967283, "-EACCES (-13)"),
        ("lsm", -1 & U64, "-EPERM (-1)"),
        ("lsm", 0, "0"),
        ("tracing", -524 & U64, "-ENOTSUPP (-524)"),
        ("tracing", -100_000 & U64, "-100000"),
        ("kprobe", 7, "7"),
        ("syscall", -22 & U64, "-EINVAL (-22)"),
        ("xdp", 2, "XDP_PASS"),
        ("xdp", 1 << 32 | 1, "XDP_DROP"),
        ("xdp", -1 & U64, "-1 (no XDP action: the packet is dropped)"),
        ("sched_cls", 0xFFFFFFFF, "TC_ACT_UNSPEC"),
        ("sched_act", 2, "TC_ACT_SHOT"),
        ("sched_cls", -2 & U64, "-ENOENT (-2)"),
        ("cgroup_skb", 0, "drop"),
        ("cgroup_skb", 3, "3"),
        ("lwt_xmit", 128, "BPF_LWT_REROUTE"),
        ("socket_filter", 0, "drop"),
        ("socket_filter", 40, "keep 40 bytes"),
        ("socket_filter", -1 & U64, "keep the whole packet"),
        ("netfilter", 1, "NF_ACCEPT"),
        ("unspec", 0xFFFFFFFF, "4294967295"),
        ("unspec", -1 & U64, "-1"),
    ],
)
def test_results(kind: str, r0: int, text: str) -> None:
    assert result_text(kind, r0) == text


def test_cgroup_lsm_programs_allow_or_deny() -> None:
    assert [result_text("lsm", value, BPF_LSM_CGROUP) for value in (0, 1)] == ["deny", "allow"]


def test_actions_are_of_known_program_types() -> None:
    assert ACTIONS.keys() <= set(PROG_TYPES)


def test_every_error_has_its_sign() -> None:
    assert (errno_text(-4096), errno_text(13), errno_text(-12)) == ("-4096", "13", "-ENOMEM (-12)")


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_r0_itself_stays_as_it_was(engine: str) -> None:
    p = program(Insn(o.ALU | o.MOV | o.K, 0, 0, 0, -13), EXIT, prog_type=LSM)
    plain = pipeline.unverified(dataclasses.replace(p, section="lsm/file_open"))
    image = pipeline.translate(plain) if engine == "jit" else None
    x = pipeline.execute(plain, image, [NoInput()], RunLimits())[0]
    assert (x.r0, x.result) == (4294967283, "-EACCES (-13)")
