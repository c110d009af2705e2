"""What a pasted text is: each kind by several shapes, and C never taken for anything else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vm.recognise import _TESTS, SENTENCES, recognise

TEXTS: dict[str, list[str]] = {
    "bpftrace": [
        """\
#!/usr/bin/env bpftrace
BEGIN { printf("x"); }
""",
        """\
kprobe:vfs_read /pid == 1/ { @start[tid] = nsecs; }
kretprobe:vfs_read { @us = hist(nsecs - @start[tid]); }
""",
        'tracepoint:syscalls:sys_enter_openat { printf("%s %s\\n", comm, str(args->filename)); }',
        "bpftrace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'",
        """\
#include <linux/sched.h>
kprobe:do_nanosleep
{
 @[comm] = count();
}
""",
    ],
    "bcc": [
        """\
from bcc import BPF
prog = \"\"\"
#include <linux/sched.h>
int hello(void *ctx) { bpf_trace_printk("hi\\n"); return 0; }
\"\"\"
b = BPF(text=prog)
""",
        """\
#include <uapi/linux/ptrace.h>
BPF_HASH(start, u32);
int do_entry(struct pt_regs *ctx) { u32 pid = 1; start.update(&pid, &pid); return 0; }
""",
        """\
TRACEPOINT_PROBE(random, urandom_read) {
    bpf_trace_printk("%d\\n", args->got_bits);
    return 0;
}
""",
    ],
    "rust": [
        """\
#![no_std]
#![no_main]
use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
#[xdp]
pub fn f(ctx: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}
""",
    ],
    "go": [
        """\
package main

import (
	"log"
	"github.com/cilium/ebpf/link"
)

func main() {
	log.Println(1)
}
""",
    ],
    "loader": [
        """\
#include <stdio.h>
#include <bpf/libbpf.h>
#include "minimal.skel.h"
int main(int argc, char **argv)
{
	struct minimal_bpf *skel = minimal_bpf__open_and_load();
	return skel ? minimal_bpf__attach(skel) : 1;
}
""",
    ],
    "python": [
        """\
import os

def main():
    for i in range(10):
        print(i)

if __name__ == "__main__":
    main()
""",
        """\
#!/usr/bin/env python3
from collections import Counter
print(Counter("a"))
""",
    ],
    "html": [
        "<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
        """\
<html lang="en">
<head><title>x</title></head>
""",
    ],
    "asm": [
        """\
r0 = 1
exit
""",
        """\
mov r0, 1
exit
""",
        """\
; comment
r6 = r1
r0 = *(u32 *)(r6 + 0)
if r0 > 5 goto out
r0 = 2
out:
exit""",
        """\
entry:
  mov64 r0, 0
  ldxw r2, [r1+4]
  jne r2, 0, +1
  exit
  exit""",
    ],
    "hex": [
        """\
b7 00 00 00 01 00 00 00
95 00 00 00 00 00 00 00
""",
        "b700000001000000 9500000000000000",
    ],
    "xlated": [
        """\
int count(struct xdp_md * ctx):
; int count(struct xdp_md *ctx)
   0: (b7) r0 = 1
   1: (63) *(u32 *)(r10 -4) = r0
   2: (18) r1 = map[id:12]
   4: (85) call array_map_lookup_elem#223456
   5: (95) exit
""",
        """\
   0: (61) r2 = *(u32 *)(r1 +4)
   1: (b7) r0 = 2
; return XDP_PASS;
   2: (95) exit
""",
    ],
    "jited": [
        """\
int f(struct xdp_md * ctx):
bpf_prog_3b185187f1855c4c_f:
; int f()
   0:	nopl	(%rax,%rax)
   5:	nop
   7:	pushq	%rbp
   8:	movq	%rsp, %rbp
   b:	movl	$2, %eax
  10:	leave
  11:	retq
""",
        """\
0xffffffffc0042384:
   0:	endbr64
   4:	push   rbp
   5:	mov    rbp,rsp
   8:	ret
""",
    ],
    "objdump": [
        """\
prog.o:	file format elf64-bpf

Disassembly of section xdp:

0000000000000000 <f>:
       0:	b7 00 00 00 02 00 00 00	r0 = 2
       1:	95 00 00 00 00 00 00 00	exit
""",
        """\
Disassembly of section xdp:

0000000000000000 <f>:
;   return 2;
       0:	r0 = 2
       1:	exit
""",
    ],
    "c": [
        """\
int x;
""",
        "",
        "hello",
        """\
// R1=ctx() R10=fp0
// 0: (bf) r6 = r1
// processed 5 insns
int f(void) { return 0; }
""",
        """\
int f() {
kprobe:
  goto kprobe;
}
""",
        """\
use(x);
""",
        """\
#include <bpf/bpf_helpers.h>
#include "minimal.skel.h"
SEC("xdp") int main(void *c) { return 2; }
""",
        "import os\n",
        'SEC("xdp") int f(void *c) { return 2; }',
        """\
/* What the verifier says:
0: (bf) r6 = r1
R1 invalid mem access 'scalar'
processed 2 insns */
#include <linux/bpf.h>
SEC("xdp") int f(struct xdp_md *ctx) { return 2; }
""",
        """\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("socket") __naked int f(void)
{
    asm volatile ("r0 = 1; exit" ::: );
}
const char *msg = "R1=ctx() R10=fp0", *other = "processed 2 insns (limit 1000000)";
""",
        """\
#define BPF_HASH(name) struct { int (*type)[1]; } name SEC(".maps")
BPF_HASH(counts);
SEC("tc") int f(void *ctx) { return 0; }
""",
    ],
    "log": [
        """\
func#0 @0
0: R1=ctx() R10=fp0
; int f(struct xdp_md *ctx) @ prog.c:3
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=pkt(r=0)
1: (71) r0 = *(u8 *)(r2 +0)
invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
""",
        """\
libbpf: prog 'f': BPF program load failed: Permission denied
libbpf: prog 'f': -- BEGIN PROG LOAD LOG --
R1 type=ctx expected=fp
-- END PROG LOAD LOG --
""",
        """\
2026-01-02T03:04:05Z level=error msg="load program: permission denied"
2026-01-02T03:04:05Z 	0: (bf) r6 = r1
2026-01-02T03:04:05Z 	1: (69) r7 = *(u16 *)(r6 +176)
2026-01-02T03:04:05Z 	R7 invalid mem access 'inv'
""",
        """\
bpf: Permission denied
0: (79) r1 = *(u64 *)(r1 +80)
1: (85) call 2
invalid indirect read from stack off -8+0 size 8

Traceback (most recent call last):
  File "x.py", line 22, in <module>
Exception: Failed to load BPF program alloc_exit
""",
        "program f: load program: bad CO-RE relocation: invalid func unknown#195896080 (19 line(s) omitted)",
        r"""RuntimeError: b"0: R1=ctx() R10=fp0\n0: (b7) r0 = 0\nR1 !read_ok\nprocessed 1 insns\n" """,
        """\
$ bpftrace -v -e 'profile:hz:100 { @[ustack(1)] = count(); }'
Attaching 1 probe...
ERROR: Error loading BPF program for profile_hz_100_1.
Kernel error log:
back-edge from insn 91 to 71
""",
        """\
12: (15) if r0 == 0x0 goto pc+15
 R0_w=map_value(id=0,off=0,ks=4,vs=8,imm=0) R10=fp0
13: (79) r1 = *(u64 *)(r0 +8)
""",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in TEXTS.items() for text in texts])
def test_what_a_text_is(kind: str, text: str) -> None:
    found = recognise(text)
    assert found.kind == kind
    assert bool(found.sentence) == (kind != "c")


def test_every_kind_has_a_sentence_and_a_text() -> None:
    assert set(SENTENCES) == {kind for kind, _ in _TESTS} == set(TEXTS) - {"c"}
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


@pytest.mark.parametrize("path", sorted(Path("examples").glob("*.c")), ids=lambda p: p.name)
def test_examples_are_c(path: Path) -> None:
    assert recognise(path.read_text()).kind == "c"


@pytest.mark.parametrize(
    "text",
    [
        "use " + "a::" * 20_000,
        "fn a(" * 13_000,
        "@[" * 30_000,
        "\n".join("fn x<" + "a" * 390 for _ in range(160)),
        ("int " + "x(*" * 130 + "\n") * 160,
        ("#" + " " * 390 + "\n") * 160,
        "ab " * 21_000,
        '"\\' * 32_000,
        "/*" * 32_000,
        "\n" * 65_000,
    ],
)
def test_reading_takes_time_in_proportion_to_the_text(text: str) -> None:
    begin = time.process_time()
    recognise(text)
    assert time.process_time() - begin < 1.5
