"""Holds vm.kernel.helpers against a running kernel: one program for each program type and helper.

usage: python scripts/check_helpers.py LOAD [SECTION...]

LOAD is a command that takes OUT.jsonl FILE.o..., loads every program of the objects into a kernel
and writes one JSON line a program (file, prog, verdict, log1). Prints the helpers about which the
table and the kernel differ, and ends with status 1 if there are any. All sections take a slow
emulated machine a quarter of an hour.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vm.elf.sections import BPF_F_SLEEPABLE, section_def  # noqa: E402
from vm.kernel.func_ids import MAX_BPF_FUNC  # noqa: E402
from vm.kernel.helpers import helper_proto  # noqa: E402

SECTIONS = (
    "socket", "kprobe/do_unlinkat", "kprobe.multi/do_unlinkat", "kprobe.session/do_unlinkat",
    "uprobe.s//bin/sh:main", "uprobe.multi//bin/sh:main", "tc", "tcx/ingress", "action", "tp/sched/sched_switch",
    "xdp", "xdp/devmap", "perf_event", "cgroup_skb/ingress", "cgroup_skb/egress", "cgroup/sock_create",
    "cgroup/sock_release", "cgroup/post_bind4", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local", "sockops",
    "sk_skb/stream_verdict", "sk_skb", "cgroup/dev", "sk_msg", "raw_tp/sched_switch", "raw_tp.w/bpf_test_finish",
    "cgroup/bind4", "cgroup/bind6", "cgroup/connect4", "cgroup/connect6", "cgroup/sendmsg4", "cgroup/recvmsg6",
    "cgroup/getpeername4", "cgroup/connect_unix", "sk_reuseport", "sk_reuseport/migrate", "flow_dissector",
    "cgroup/sysctl", "cgroup/getsockopt", "cgroup/setsockopt", "tp_btf/sched_switch", "fentry/bpf_fentry_test1",
    "fexit/bpf_fentry_test1", "fmod_ret/bpf_modify_return_test", "fentry.s/bpf_fentry_test1", "iter/task",
    "iter/tcp", "iter/unix", "iter.s/task", "lsm/file_open", "lsm.s/file_open", "lsm_cgroup/socket_bind",
    "lsm_cgroup/socket_post_create", "sk_lookup", "syscall", "netfilter",
)  # fmt: skip
REFUSED = ("cannot use helper", "unknown func")


def source(section: str) -> str:
    """Assembly text of one function for each helper: call it, leave."""
    out = ['.section license,"aw";.asciz "GPL"', f'.section "{section}","ax",@progbits']
    for func_id in range(1, MAX_BPF_FUNC):
        name = f"h{func_id}"
        out += [f".globl {name}", f".type {name},@function", f"{name}:", f"call {func_id}", "exit"]
        out.append(f".size {name},.-{name}")
    return "\n".join(out) + "\n"


def main() -> int:
    sections = sys.argv[2:] or list(SECTIONS)
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for number, section in enumerate(sections):
            path = Path(folder) / f"s{number:02}.s"
            path.write_text(source(section))
            objects.append(path.with_suffix(".o"))
            argv = [sys.executable, "-m", "ziglang", "clang", "-target", "bpf", "-c", str(path), "-o", str(objects[-1])]
            subprocess.run(argv, check=True)
        out = Path(folder) / "out.jsonl"
        subprocess.run([sys.argv[1], str(out), *map(str, objects)], check=True)
        answers = [json.loads(line) for line in out.read_text().splitlines()]
    checked = differ = unknown = 0
    for answer in answers:
        if "prog" not in answer:
            continue
        section = sections[int(answer["file"][1:3])]
        found = section_def(section)
        assert found is not None
        log = answer.get("log1", "") + answer.get("log2", "")
        if not log.strip():
            unknown += 1
            continue
        checked += 1
        kernel = not any(words in log for words in REFUSED)
        proto = helper_proto(
            found.prog_type,
            found.expected_attach_type,
            int(answer["prog"][1:]),
            sleepable=bool(found.prog_flags & BPF_F_SLEEPABLE),
            hook=section.partition("/")[2],
        )
        # fn->allowed() is asked after the table and refuses with the same words.
        if kernel != (proto is not None) and not (proto and proto.allowed):
            differ += 1
            print(section, answer["prog"], "kernel:", kernel, "table:", proto and proto.symbol, log.splitlines()[-2:])
    print(f"{checked} program types and helpers compared, {differ} differ, {unknown} did not reach the verifier")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
