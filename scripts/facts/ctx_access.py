"""ctx_access.json.xz: which bytes of a context the kernel lets programs of a type touch.

Every is_valid_access function of struct bpf_verifier_ops that does not need a loaded program's
BTF is run on an emulated processor for all offsets, sizes, reads, writes and sign-extending reads.
Recorded are the accesses that are allowed: [offset, size, how, reg_type, ctx_field_size], how
being 0 for a read, 1 for a write, 2 for a read that extends the sign.
"""

from __future__ import annotations

import json
import lzma
import struct

from scripts.facts.ask import Asker, attach_types
from scripts.facts.kernel import Kernel

BY_BTF = ("BPF_PROG_TYPE_TRACING", "BPF_PROG_TYPE_LSM", "BPF_PROG_TYPE_STRUCT_OPS", "BPF_PROG_TYPE_NETFILTER")
CAPABLE = ("BPF_PROG_TYPE_CGROUP_SKB", "BPF_PROG_TYPE_SOCKET_FILTER")
LARGE = {"BPF_PROG_TYPE_TRACEPOINT": 64, "BPF_PROG_TYPE_SYSCALL": 64}  # any size does: a part is enough
SOCKETS = ("bpf_sock", "bpf_sock_common", "bpf_tcp_sock", "bpf_xdp_sock")


class Recorder:
    def __init__(self, kernel: Kernel) -> None:
        self.btf = kernel.btf
        self.asker = Asker(kernel)
        access = kernel.enum("bpf_access_type")
        self.read, self.write = access["BPF_READ"], access["BPF_WRITE"]
        self.scalar = kernel.enum("bpf_reg_type")["SCALAR_VALUE"]
        self.info = self.asker.machine.alloc(64)
        self.fields = {n: self.btf.field("bpf_insn_access_aux", n) for n in ("reg_type", "is_ldsx", "ctx_field_size")}

    def accesses(self, function: int, end: int, with_prog: bool) -> list[list[int]]:
        """Every allowed access below `end`."""
        machine, out = self.asker.machine, []
        for off in range(end):
            for size in (1, 2, 4, 8):
                for how in (0, 1, 2) if size < 8 else (0, 1):
                    machine.uc.mem_write(self.info, bytes(64))
                    machine.write(self.info + self.fields["reg_type"].offset, self.scalar, 4)
                    machine.write(self.info + self.fields["is_ldsx"].offset, how == 2, 1)
                    access = self.write if how == 1 else self.read
                    args = (off, size, access, *([self.asker.prog] if with_prog else []), self.info)
                    if machine.call(function, *args) & 0xFF:
                        reg_type = machine.read(self.info + self.fields["reg_type"].offset, 4)
                        field = machine.read(self.info + self.fields["ctx_field_size"].offset, 4)
                        out.append([off, size, how, reg_type, field])
        return out


def ctx_access(kernel: Kernel) -> bytes:
    """Content of ctx_access.json.xz: "PROG_TYPE/ATTACH_TYPE[/unprivileged]" or a socket struct -> accesses."""
    recorder = Recorder(kernel)
    asker, image = recorder.asker, kernel.image
    table = image.by_name["bpf_verifier_ops"].address
    at = kernel.btf.offset_of("bpf_verifier_ops", "is_valid_access")
    out: dict[str, object] = {"source": image.banner}
    for prog_name, prog_type in kernel.enum("bpf_prog_type").items():
        if prog_name.startswith("__") or prog_name in BY_BTF:
            continue
        (ops,) = struct.unpack("<Q", image.read(table + 8 * prog_type, 8))
        (function,) = struct.unpack("<Q", image.read(ops + at, 8)) if ops else (0,)
        if not function:
            continue
        for attach in attach_types(prog_type):
            asker.set_prog(prog_type, attach, False)
            end = LARGE.get(prog_name, 256)
            out[f"{prog_type}/{attach}"] = recorder.accesses(function, end, True)
            if prog_name in CAPABLE:
                asker.machine.answer("bpf_token_capable", 0)
                out[f"{prog_type}/{attach}/unprivileged"] = recorder.accesses(function, end, True)
                asker.machine.answer("bpf_token_capable", 1)
    for name in SOCKETS:
        function = image.by_name[f"{name}_is_valid_access"].address
        out[name] = recorder.accesses(function, 128, False)
    return lzma.compress(json.dumps(out, separators=(",", ":")).encode(), preset=9)
