"""The verifier's rules for contexts and sockets, held against the kernel's own functions.

`make facts` asks them about every offset, size and way of access.
"""

from __future__ import annotations

import pytest

from vm.kernel import types as k
from vm.kernel.facts import emulated
from vm.program import Program
from vm.verifier.env import VerifierEnv, VerifyOptions
from vm.verifier.mem.ctx import SOCK_POINTERS, _allowed
from vm.verifier.mem.ctx_rules import CtxRules, ctx_rules
from vm.verifier.state import reg_types as t

SAID = emulated().ctx_access
SOCKETS = {
    "bpf_sock": t.PTR_TO_SOCKET,
    "bpf_sock_common": t.PTR_TO_SOCK_COMMON,
    "bpf_tcp_sock": t.PTR_TO_TCP_SOCK,
    "bpf_xdp_sock": t.PTR_TO_XDP_SOCK,
}


def _ours(rules: CtxRules, attach: int, capable: bool, end: int) -> set[tuple[int, int, int, int, int]]:
    env = VerifierEnv(Program("t", "t", 0, (), expected_attach_type=attach), VerifyOptions(privileged=capable))
    out = set()
    for off in range(end):
        for size in (1, 2, 4, 8):
            for how in (0, 1, 2) if size < 8 else (0, 1):
                if off % size:
                    continue  # refused before is_valid_access() is asked
                access = k.BPF_WRITE if how == 1 else k.BPF_READ
                field = _allowed(env, rules, off, size, access, how == 2)
                if field >= 0:
                    # what a write leaves in the register does not matter
                    out.add((off, size, how, rules.find(off).reg_type if how != 1 else t.SCALAR_VALUE, field))
    return out


def _theirs(key: str) -> set[tuple[int, int, int, int, int]]:
    return {
        (off, size, how, reg_type if how != 1 else t.SCALAR_VALUE, field if how != 1 else 0)
        for off, size, how, reg_type, field in SAID[key]
        if off % size == 0
    }


# BPF_PROG_LOAD takes no program of type cgroup/sockopt without its attach type.
CONTEXTS = [key for key in SAID if "/" in key and key != f"{k.BPF_PROG_TYPE_CGROUP_SOCKOPT}/0"]


@pytest.mark.parametrize("key", CONTEXTS)
def test_contexts(key: str) -> None:
    prog_type, attach, *rest = key.split("/")
    rules = ctx_rules(int(prog_type), int(attach))
    assert rules is not None
    end = 64 if int(prog_type) in (k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_SYSCALL) else 256
    ours = {(o, s, h, r, f if h != 1 else 0) for o, s, h, r, f in _ours(rules, int(attach), not rest, end)}
    assert sorted(ours - _theirs(key)) == [], "we allow what the kernel refuses"
    assert sorted(_theirs(key) - ours) == [], "we refuse what the kernel allows"


@pytest.mark.parametrize("name", SOCKETS)
def test_sockets(name: str) -> None:
    ours = {access for access in _ours(SOCK_POINTERS[SOCKETS[name]], 0, True, 128) if access[2] == 0}
    theirs = {access for access in _theirs(name) if access[2] == 0}  # writes are refused before this is asked
    assert {(off, size, field) for off, size, _, _, field in ours} == {(o, s, f) for o, s, _, _, f in theirs}


def test_the_recording_is_not_empty() -> None:
    assert len(CONTEXTS) > 60
    assert [4, 4, 0, t.PTR_TO_PACKET_END, 0] in SAID[f"{k.BPF_PROG_TYPE_XDP}/0"]
