"""Helpers that this program may call, and their prototypes (get_helper_proto)."""

from __future__ import annotations

from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper_proto
from vm.verifier.env import VerifierEnv


def get_helper_proto(env: VerifierEnv, func_id: int) -> FuncProto | None:
    """The prototype of helper `func_id` for programs of this type; None if they may not call it."""
    program = env.program
    return helper_proto(
        program.prog_type,
        program.expected_attach_type,
        func_id,
        sleepable=env.sleepable,
        hook=program.attach_btf_name,
        privileged=env.bpf_capable,
        perfmon=env.allow_ptr_leaks,
    )
