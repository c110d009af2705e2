"""perf_event, sysctl and sockopt contexts (kernel/trace/bpf_trace.c, kernel/bpf/cgroup.c)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.verifier.fixups.build import ldx, stx
from vm.verifier.fixups.ctx.recipe import (
    Access,
    Recipe,
    Table,
    load,
    offset,
    read,
    read_own_size,
    read_write,
    spare_register,
    table,
)  # fmt: skip

_PERF: Final = "bpf_perf_event_data_kern"


def _perf_register(access: Access) -> list[Insn]:
    return [load(f"{_PERF}.regs", access.dst, access.src), ldx(bpf.DW, access.dst, access.dst, access.rel)]


PERF_EVENT: Final[Table] = {
    **{at: (0, Recipe(_perf_register)) for at in range(offset("bpf_perf_event_data.sample_period"))},
    **table(
        "bpf_perf_event_data",
        {
            "sample_period": read(f"{_PERF}.data", "perf_sample_data.period"),
            "addr": read(f"{_PERF}.data", "perf_sample_data.addr"),
        },
    ),
}

_SYSCTL: Final = "bpf_sysctl_kern"


def _file_pos(access: Access) -> list[Insn]:
    if not access.write:
        return [load(f"{_SYSCTL}.ppos", access.dst, access.src), ldx(access.size, access.dst, access.dst, 0)]
    reg, insn, saved = spare_register(access), access.insn, offset(f"{_SYSCTL}.tmp_reg")
    return [
        stx(bpf.DW, access.dst, reg, saved),
        load(f"{_SYSCTL}.ppos", reg, access.dst),
        Insn(bpf.cls(insn.code) | bpf.MEM | bpf.W, reg, access.src, 0, insn.imm),
        ldx(bpf.DW, reg, access.dst, saved),
    ]


SYSCTL: Final[Table] = table(
    "bpf_sysctl",
    {"write": read_own_size(f"{_SYSCTL}.write"), "file_pos": Recipe(_file_pos, 4)},
)

_SOCKOPT: Final = "bpf_sockopt_kern"


def _retval(access: Access) -> list[Insn]:
    """The return value is stored in the cgroup context of the running task."""
    if not access.write:
        dst = access.dst
        return [
            load(f"{_SOCKOPT}.current_task", dst, access.src),
            load("task_struct.bpf_ctx", dst, dst),
            load("bpf_cg_run_ctx.retval", dst, dst),
        ]
    reg, insn, saved = spare_register(access), access.insn, offset(f"{_SOCKOPT}.tmp_reg")
    store = Insn(bpf.cls(insn.code) | bpf.MEM | bpf.W, reg, access.src, offset("bpf_cg_run_ctx.retval"), insn.imm)
    return [
        stx(bpf.DW, access.dst, reg, saved),
        load(f"{_SOCKOPT}.current_task", reg, access.dst),
        load("task_struct.bpf_ctx", reg, reg),
        store,
        ldx(bpf.DW, reg, access.dst, saved),
    ]


SOCKOPT: Final[Table] = table(
    "bpf_sockopt",
    {
        "sk": read(f"{_SOCKOPT}.sk"),
        "level": read_write(f"{_SOCKOPT}.level"),
        "optname": read_write(f"{_SOCKOPT}.optname"),
        "optlen": read_write(f"{_SOCKOPT}.optlen"),
        "retval": Recipe(_retval, 4),
        "optval": read(f"{_SOCKOPT}.optval"),
        "optval_end": read(f"{_SOCKOPT}.optval_end"),
    },
)
